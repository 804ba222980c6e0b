using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>RateLimits:Webhooks:PerTenantPerSecond, which is off unless an operator sets it.</summary>
public sealed class WebhookRateLimitTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_flood_of_deliveries_for_one_tenant_is_told_to_wait_and_is_taken_in_later()
    {
        var (flooded, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        await using var host = await server.StartAnotherAsync(("RateLimits:Webhooks:PerTenantPerSecond", "1"));
        await flooded.KnownToAsync(host);
        await other.KnownToAsync(host);
        var sales = Enumerable.Range(0, 30).Select(_ => Seller.Sale(flooded.NewOrder())).ToArray();

        var answers = await Task.WhenAll(sales.Select(sale => flooded.DeliverAsync(sale, host.Http)));

        var held = answers.First(answer => answer.Code == 429);
        held.Headers.GetValues("Retry-After").ShouldBe(["1"]);
        held.Json.GetProperty("title").GetString().ShouldBe("Too many deliveries");
        (await other.DeliverAsync(Seller.Sale(other.NewOrder()), host.Http)).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            async () => (await flooded.DeliverAsync(sales[0], host.Http)).Code == 202,
            "the flooded tenant's deliveries are taken in again"
        );
    }

    [Fact]
    public async Task Deliveries_without_proof_use_up_nothing()
    {
        var seller = await server.NewSellerAsync();
        await using var host = await server.StartAnotherAsync(("RateLimits:Webhooks:PerTenantPerSecond", "1"));
        await seller.KnownToAsync(host);
        var body = Seller.Bytes(Seller.Sale(seller.NewOrder()));

        for (var time = 0; time < 20; time++)
            (
                await seller.DeliverAsync("perfectpay", body, [("x-perfectpay-signature", new string('0', 64))], http: host.Http)
            ).Code.ShouldBe(401);

        (await seller.DeliverSignedAsync("perfectpay", body, host.Http)).Code.ShouldBe(202);
    }
}
