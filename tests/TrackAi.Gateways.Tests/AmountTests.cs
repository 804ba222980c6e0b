using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>Which of the gateway's amounts Meta is told is the seller's choice.</summary>
public sealed class AmountTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    private ITenantAdministration Tenants => server.Host.Tenants;

    [Fact]
    public async Task Meta_is_told_the_amount_that_the_connection_asks_for()
    {
        var seller = await server.NewSellerAsync();
        (await ValueAsync(seller)).ShouldBe(147.90m);

        (await Tenants.SetAmountAsync(seller.Tenant, "perfectpay", "sale_amount_without_shipping")).ShouldBeTrue();
        (await ValueAsync(seller)).ShouldBe(127.90m);
        (await Tenants.ListConnectionsAsync(seller.Tenant)).ShouldHaveSingleItem().Amount.ShouldBe("sale_amount_without_shipping");

        (await Tenants.SetAmountAsync(seller.Tenant, "perfectpay", "sale_amount_without_shipping")).ShouldBeFalse();
        (await Tenants.SetAmountAsync(seller.Tenant, "perfectpay", "sale_amount")).ShouldBeTrue();
        (await ValueAsync(seller)).ShouldBe(147.90m);
    }

    [Fact]
    public async Task The_choice_is_in_the_log_and_outlives_a_rebuild()
    {
        var seller = await server.NewSellerAsync("kiwify");
        await Tenants.SetAmountAsync(seller.Tenant, "kiwify", "charge_amount");

        await Tenants.RebuildRelationsAsync();

        (await Tenants.ListConnectionsAsync(seller.Tenant)).ShouldHaveSingleItem().Amount.ShouldBe("charge_amount");
        (await server.Host.Store.ReadStreamAsync(new(seller.Tenant, $"tenant-{seller.Tenant}")))
            .Select(recorded => recorded.Data)
            .OfType<GatewayAmountSet>()
            .ShouldHaveSingleItem()
            .Amount.ShouldBe("charge_amount");
    }

    [Theory]
    [InlineData("hotmart", "product_base_price", "price, full_price, original_offer_price")]
    [InlineData("perfectpay", "", "sale_amount, sale_amount_without_shipping")]
    [InlineData("stripe", "amount_total", "one amount only")]
    public async Task An_amount_that_the_gateway_does_not_tell_is_refused_with_those_that_it_does(
        string gateway,
        string amount,
        string remedy
    )
    {
        var seller = await server.NewSellerAsync(gateway);

        var refused = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.SetAmountAsync(seller.Tenant, gateway, amount));

        refused.Field.ShouldBe("amount");
        refused.Message.ShouldContain(remedy);
    }

    private async Task<decimal> ValueAsync(Seller seller)
    {
        var order = seller.NewOrder();
        var postback = seller.Postback(order, 2);
        postback["shipping_amount"] = 20m;
        (await seller.DeliverAsync("perfectpay", Seller.Bytes(postback), [])).Code.ShouldBe(202);
        return (await server.ArrivedAsync(order)).Event.GetProperty("custom_data").GetProperty("value").GetDecimal();
    }
}
