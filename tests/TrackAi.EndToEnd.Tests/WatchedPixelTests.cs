using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Tokens that are looked after before a sale needs them, and claims that last as long as the work.</summary>
public sealed class WatchedPixelTests(WatchedPixelTests.Watching server) : IClassFixture<WatchedPixelTests.Watching>
{
    public sealed class Watching : TrackAiServer
    {
        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["Dispatch:TokenCheckTime"] = "00:00:01",
                ["Dispatch:ClaimTime"] = "00:00:04",
                ["Meta:TimeoutSeconds"] = "60",
            };
    }

    [Fact]
    public async Task A_dead_token_is_told_before_any_sale_needs_it_and_its_successor_clears_the_alert()
    {
        var seller = await server.NewSellerAsync(tokenIsValid: false);
        await Eventually.TrueAsync(
            async () => (await EventsAsync(seller)).OfType<PixelTokenAlertRaised>().Any(raised => raised.Reason == "invalid"),
            "the alert"
        );
        (await server.Host.Http.GetStringAsync(new Uri("/health", UriKind.Relative))).ShouldContain("token_alert");

        await seller.SetTokenAsync("EAAGaTokenThatIsAlive");

        await Eventually.TrueAsync(async () => (await EventsAsync(seller)).OfType<PixelTokenAlertCleared>().Any(), "the alert is over");
        (await EventsAsync(seller)).Select(one => one.GetType()).ShouldBe([typeof(PixelTokenAlertRaised), typeof(PixelTokenAlertCleared)]);
    }

    [Fact]
    public async Task An_answer_that_takes_longer_than_a_claim_has_no_other_host_send_the_same()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        await using var other = await server.StartAnotherAsync();
        server.Meta.Inject(MetaFault.Delay(TimeSpan.FromSeconds(9)) with { Pixel = seller.PixelId, Times = 1 });

        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);

        await server.ArrivedAsync(order);
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where type = 'dispatch_succeeded' and tenant_id = $1",
                seller.Tenant
            )
        ).ShouldBe(1);
    }

    private async Task<IReadOnlyList<object>> EventsAsync(Seller seller) =>
        [
            .. (await server.Host.Store.ReadStreamAsync(new StreamId(seller.Tenant, Streams.Pixel(seller.PixelId)))).Select(recorded =>
                recorded.Data
            ),
        ];
}
