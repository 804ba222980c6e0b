using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>An operator archived the stream of a sale (mt_archive_stream), and the gateway has more to say of it.</summary>
public sealed class ArchivedSaleTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_delivery_about_an_archived_sale_is_acknowledged_and_kept_with_the_reason()
    {
        var seller = await server.NewSellerAsync();
        var sale = await ArchivedAsync(seller);

        var refund = Seller.Sale(sale, status: "refunded");
        var answer = await seller.DeliverAsync(refund);

        answer.Code.ShouldBe(202, answer.Text);
        answer.IsDuplicate.ShouldBeFalse();
        answer.Json.GetProperty("note").GetString().ShouldNotBeNull().ShouldContain("archived");
        (await Replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem().Reason.ShouldContain("archived");
        (await seller.DeliverAsync(refund)).IsDuplicate.ShouldBeTrue();
        (await Replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task What_the_sale_has_been_told_already_is_a_duplicate()
    {
        var seller = await server.NewSellerAsync();
        var sale = await ArchivedAsync(seller);

        var answer = await seller.DeliverAsync(Seller.Sale(sale));

        (answer.Code, answer.IsDuplicate).ShouldBe((202, true));
        (await Replay.ListAsync(seller.Tenant, null)).ShouldBeEmpty();
    }

    [Fact]
    public async Task It_stays_kept_while_the_sale_is_archived_and_reaches_the_sale_once_it_is_not()
    {
        var seller = await server.NewSellerAsync();
        var sale = await ArchivedAsync(seller);
        (await seller.DeliverAsync(Seller.Sale(sale, status: "refunded"))).Code.ShouldBe(202);

        (await ReplayAsync(isRehearsal: true)).Outcome.ShouldBe("not_understood");
        (await ReplayAsync()).Outcome.ShouldBe("not_understood");
        (await Replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();

        foreach (var (table, stream) in new[] { ("mt_streams", "id"), ("mt_events", "stream_id") })
            await server.Database.ExecuteAsync(
                $"update {table} set is_archived = false where tenant_id = $1 and {stream} = $2",
                seller.Tenant,
                Stream(sale)
            );
        (await ReplayAsync(isRehearsal: true)).Outcome.ShouldBe("sale");
        (await ReplayAsync()).Outcome.ShouldBe("sale");
        (await Replay.ListAsync(seller.Tenant, null)).ShouldBeEmpty();
        (await ChangesAsync(seller, sale)).ShouldBe(1);

        async Task<ReplayedDelivery> ReplayAsync(bool isRehearsal = false) =>
            (await Replay.ReplayAsync(seller.Tenant, null, null, isRehearsal)).ShouldHaveSingleItem();
    }

    private ReplayDeliveries Replay => server.Host.Services.GetRequiredService<ReplayDeliveries>();

    private static string Stream(string order) => $"conversion-perfectpay-{order}";

    private Task<long> ChangesAsync(Seller seller, string order) =>
        server.Database.ScalarAsync<long>(
            "select count(*) from mt_events where tenant_id = $1 and stream_id = $2 and type = 'conversion_state_changed'",
            seller.Tenant,
            Stream(order)
        );

    private async Task<string> ArchivedAsync(Seller seller)
    {
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await server.Database.ExecuteAsync("select mt_archive_stream($1, $2)", Stream(order), seller.Tenant);
        return order;
    }
}
