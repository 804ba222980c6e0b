using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>Who pays on is no new customer, unless the seller's funnel says that Meta is to know.</summary>
public sealed class RenewalTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_renewal_is_recorded_and_sent_only_where_its_funnel_says_so(bool areSent)
    {
        var seller = await server.NewSellerAsync();
        var tenants = server.Host.Tenants;
        await tenants.AddFunnelAsync(seller.Tenant, "clube", isDefault: true);
        if (areSent)
            (await tenants.SetRenewalsAsync(seller.Tenant, "clube", areSent: true)).ShouldBeTrue();
        (await tenants.ListFunnelsAsync(seller.Tenant)).ShouldHaveSingleItem().SendsRenewals.ShouldBe(areSent);
        var order = seller.NewOrder();
        var renewal = seller.Postback(order, 2);
        renewal["subscription"] = new JsonObject { ["code"] = "PPSUB1", ["charges_made"] = 3 };

        (await seller.DeliverAsync("perfectpay", Seller.Bytes(renewal), [])).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        server.AtMeta(order).Count.ShouldBe(areSent ? 1 : 0);
        var skips = (await server.Host.Store.ReadStreamAsync(new(seller.Tenant, $"conversion-perfectpay-{order}")))
            .Select(recorded => recorded.Data)
            .OfType<DispatchSkipped>()
            .Select(skipped => skipped.Reason);
        skips.ShouldBe(areSent ? [] : ["renewal"]);
    }
}
