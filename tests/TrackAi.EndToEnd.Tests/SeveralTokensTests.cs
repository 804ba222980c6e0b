using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A checkout that was reached twice brings two of our tokens back, in slots that no report stores: both are evidence.</summary>
public sealed class SeveralTokensTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task The_token_of_a_click_that_never_reached_us_does_not_hide_the_one_that_did()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var click = await seller.ClickAsync();

        (await DeliverAsync(seller, order, ClickToken.New(), click)).Code.ShouldBe(202);
        await server.Host.SettledAsync();

        (await DecisionAsync(seller, order)).ShouldBe(click);
        server.AtMeta(order).ShouldHaveSingleItem().Event.GetProperty("user_data").TryGetProperty("fbc", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Of_two_clicks_the_later_one_counts_and_both_are_explained_and_a_replay_says_the_same()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var older = await seller.ClickAsync();
        var newer = await seller.ClickAsync();

        await DeliverAsync(seller, order, older, newer);
        await server.Host.SettledAsync();

        (await DecisionAsync(seller, order)).ShouldBe(newer);
        var (explained, words) = await HostProcess.RunAsync(server.Settings, "explain", $"perfectpay-{order}", "--tenant", seller.Tenant);
        explained.ShouldBe(0, words);
        Line(words, newer).ShouldContain("Won: the last click before the sale with its click token.");
        Line(words, older).ShouldContain("Lost: a later click by the same rule won.");
        var (replayed, decisions) = await HostProcess.RunAsync(
            server.Settings,
            "replay",
            $"conversion-perfectpay-{order}",
            "--tenant",
            seller.Tenant,
            "--json"
        );
        replayed.ShouldBe(0, decisions);
        JsonElement
            .Parse(decisions)
            .EnumerateArray()
            .Select(line => line.GetProperty("verdict").GetString())
            .ShouldAllBe(verdict => verdict == "same" || verdict == "nothing");
    }

    [Fact]
    public async Task A_second_delivery_that_only_adds_a_token_beside_the_known_one_decides_the_sale_again()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var (lost, click) = (ClickToken.New(), await seller.ClickAsync());
        await DeliverAsync(seller, order, lost);
        await server.Host.SettledAsync();
        (await DecisionAsync(seller, order)).ShouldBeNull();

        (await DeliverAsync(seller, order, lost, click)).IsDuplicate.ShouldBeFalse();
        (await DeliverAsync(seller, order, lost, click)).IsDuplicate.ShouldBeTrue("both are known");
        await server.Host.SettledAsync();

        (await DecisionAsync(seller, order)).ShouldBe(click);
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    private static Task<Answer> DeliverAsync(Seller seller, string order, string src, string? clickId = null)
    {
        var postback = seller.Postback(order, 2, src);
        postback["metadata"]!["click_id"] = clickId;
        return seller.DeliverAsync("perfectpay", Seller.Bytes(postback), []);
    }

    private Task<string?> DecisionAsync(Seller seller, string order) =>
        server.Database.ScalarAsync<string?>(
            "select click_id from conversion where tenant_id = $1 and conversion_id = $2",
            seller.Tenant,
            $"perfectpay-{order}"
        );

    private static string Line(string words, string click) =>
        words.Split('\n').Single(line => line.TrimStart().StartsWith(click, StringComparison.Ordinal));
}
