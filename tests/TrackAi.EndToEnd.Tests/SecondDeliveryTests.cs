using System.Text.Json;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A second delivery that moves no payment and knows more of the sale: late evidence, told once and never sent twice.</summary>
public sealed class SecondDeliveryTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    public static TheoryData<string> Evidence => ["click_id", "sck", "fbp", "fbc", "email", "phone", "external_id"];

    [Theory]
    [MemberData(nameof(Evidence))]
    public async Task What_it_brings_joins_a_sale_that_was_sent_already_and_Meta_hears_of_it_once(string evidence)
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var digits = string.Concat(order.Where(char.IsAsciiDigit)).PadLeft(10, '1');
        var (fbp, fbc) = ($"fb.1.1793890500123.{digits}", $"fb.1.1793890500123.IwZXh0bg{digits}");
        var (email, phone, external) = ($"known-{order}@exemplo.com.br", $"+55 11 9{digits[^8..]}", $"crm-{digits}");
        var click = await seller.ClickAsync(
            new
            {
                fbp,
                fbc,
                external_id = external,
            }
        );
        await seller.TrackAsync(
            "initiate_checkout",
            new
            {
                click_id = click,
                email,
                phone,
            }
        );
        var sale = Bare(order);
        (await seller.DeliverAsync(sale)).IsDuplicate.ShouldBeFalse();
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem();
        (await CountAsync("match_log", seller, "and not matched")).ShouldBe(1);

        var more = Bare(order);
        switch (evidence)
        {
            case "click_id":
                more["click_id"] = click;
                break;
            case "sck":
                more["sck"] = $"FB|oferta|{click}hQwK21wXxR";
                break;
            case "fbp" or "fbc":
                more[evidence] = evidence == "fbp" ? fbp : fbc;
                break;
            default:
                more["customer"]![evidence] = evidence switch
                {
                    "email" => email,
                    "phone" => phone,
                    _ => external,
                };
                break;
        }

        (await seller.DeliverAsync(more)).IsDuplicate.ShouldBeFalse("it adds something");
        (await seller.DeliverAsync(more)).IsDuplicate.ShouldBeTrue("the same delivery again adds nothing");
        more["note"] = "other bytes";
        (await seller.DeliverAsync(more)).IsDuplicate.ShouldBeTrue("what is known already adds nothing");
        (await seller.DeliverAsync(sale)).IsDuplicate.ShouldBeTrue();
        await server.Host.SettledAsync();

        (await CountAsync("match_log", seller, "and matched and reopened_by = 'second_delivery'")).ShouldBe(1);
        (await CountAsync("mt_events", seller, "and type = 'conversion_enriched'")).ShouldBe(1);
        (await CountAsync("dispatch_attempt", seller)).ShouldBe(1);
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task A_weak_match_gives_way_to_the_token_that_the_gateways_own_second_postback_brings()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var fbp = "fb.1.1793890500123.8000000001";
        var weak = await seller.ClickAsync(new { fbp });
        var click = await seller.ClickAsync();
        var first = seller.Postback(order, 2);
        first["metadata"]!["_fbp"] = fbp;
        await seller.DeliverAsync("perfectpay", Seller.Bytes(first), []);
        await server.Host.SettledAsync();
        (await CountAsync("match_log", seller, $"and matched and click_id = '{weak}'")).ShouldBe(1);

        (await seller.PostbackAsync(order, 10, click)).IsDuplicate.ShouldBeFalse();
        (await seller.PostbackAsync(order, 10, click)).IsDuplicate.ShouldBeTrue();
        await server.Host.SettledAsync();

        (await CountAsync("match_log", seller, $"and matched and click_id = '{click}' and reopened_by = 'second_delivery'")).ShouldBe(1);
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task Of_two_at_once_that_bring_the_same_one_adds_it_and_of_two_that_bring_different_things_both_do()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        await seller.DeliverAsync(Bare(order));
        var token = ClickToken.New();

        var same = await Task.WhenAll(Enumerable.Range(0, 8).Select(one => seller.DeliverAsync(With(order, one, "click_id", token))));
        var different = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(one => seller.DeliverAsync(With(order, one, "fbp", $"fb.1.1793890500123.810000000{one}")))
        );

        same.Select(answer => answer.Code).ShouldAllBe(code => code == 202);
        same.Count(answer => !answer.IsDuplicate).ShouldBe(1);
        different.Count(answer => !answer.IsDuplicate).ShouldBe(8);
        (await CountAsync("mt_events", seller, "and type = 'conversion_enriched'")).ShouldBe(9);
    }

    [Fact]
    public async Task It_is_told_in_the_timeline_without_a_value_of_the_buyers_and_the_ledger_and_the_replay_agree()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var click = await seller.ClickAsync();
        await seller.DeliverAsync(Bare(order));
        await server.Host.SettledAsync();
        var more = With(order, 1, "click_id", click);
        more["customer"]!["email"] = "tarde@exemplo.com.br";
        more["utm_campaign"] = "lancamento";
        await seller.DeliverAsync(more);
        await server.Host.SettledAsync();

        string[] conversion = [$"perfectpay-{order}", "--tenant", seller.Tenant];
        var (explained, words) = await HostProcess.RunAsync(server.Settings, ["explain", .. conversion]);
        var (replayed, decisions) = await HostProcess.RunAsync(
            server.Settings,
            "replay",
            $"conversion-perfectpay-{order}",
            "--tenant",
            seller.Tenant,
            "--json"
        );
        var (verified, ledger) = await HostProcess.RunAsync(server.Settings, "verify");
        var (rebuilt, rebuilding) = await HostProcess.RunAsync(server.Settings, "projections", "rebuild", "--all");

        explained.ShouldBe(0, words);
        words.ShouldContain("told more of the sale in another delivery");
        words.ShouldContain("click token, utm campaign, email");
        words.ShouldNotContain("tarde@");
        replayed.ShouldBe(0, decisions);
        JsonElement
            .Parse(decisions)
            .EnumerateArray()
            .Select(line => line.GetProperty("verdict").GetString())
            .ShouldAllBe(verdict => verdict == "same" || verdict == "nothing");
        decisions.ShouldContain("conversion_enriched");
        verified.ShouldBe(0, ledger);
        rebuilt.ShouldBe(0, rebuilding);
        (await CountAsync("match_log", seller)).ShouldBe(2);
    }

    [Fact]
    public async Task A_sale_that_told_too_little_of_its_buyer_is_sent_when_a_second_delivery_tells_more()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var sale = Bare(order);
        sale["customer"] = new JsonObject { ["country"] = "BR" };
        await seller.DeliverAsync(sale);
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldBeEmpty();

        sale["customer"]!["email"] = "enfim@exemplo.com.br";
        (await seller.DeliverAsync(sale)).IsDuplicate.ShouldBeFalse();

        (await server.ArrivedAsync(order)).Times.ShouldBe(1);
    }

    [Fact]
    public async Task A_no_that_the_buyer_says_while_nothing_is_paid_yet_counts()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var sale = Bare(order);
        sale["status"] = "pending";
        await seller.DeliverAsync(sale);

        sale["consent"] = false;
        (await seller.DeliverAsync(sale)).IsDuplicate.ShouldBeFalse();
        (await seller.DeliverAsync(sale)).IsDuplicate.ShouldBeTrue();
        await seller.DeliverAsync(Bare(order));
        await server.Host.SettledAsync();

        (await CountAsync("conversion", seller, "and dispatch_status = 'skipped' and dispatch_reason = 'no_consent'")).ShouldBe(1);
        server.AtMeta(order).ShouldBeEmpty();
    }

    [Fact]
    public async Task It_brings_back_nobody_who_was_erased()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        await seller.DeliverAsync(Bare(order));
        await server.Host.SettledAsync();
        var (erased, certificate) = await HostProcess.RunAsync(server.Settings, "privacy", "erase", seller.Tenant, "--order", order);
        erased.ShouldBe(0, certificate);

        (await seller.DeliverAsync(With(order, 1, "fbp", "fb.1.1793890500123.8200000001"))).IsDuplicate.ShouldBeTrue();

        (await CountAsync("mt_events", seller, "and type = 'conversion_enriched'")).ShouldBe(0);
    }

    /// <summary>Somebody of whom Meta may be told, and nothing that a click is known by.</summary>
    private static JsonObject Bare(string order)
    {
        var sale = Seller.Sale(order);
        ((JsonObject)sale["customer"]!).Remove("phone");
        return sale;
    }

    private static JsonObject With(string order, int number, string field, string value)
    {
        var sale = Bare(order);
        (sale[field], sale["number"]) = (value, number);
        return sale;
    }

    private Task<long> CountAsync(string table, Seller seller, string and = "") =>
        server.Database.ScalarAsync<long>($"select count(*) from {table} where tenant_id = $1 {and}", seller.Tenant);
}
