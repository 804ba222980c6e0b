using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>An event of a sale cannot be read (somebody wrote into the log, or a newer version did), and the gateway has more to say of it.</summary>
public sealed class UnreadableSaleTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_delivery_about_it_is_acknowledged_and_kept_with_the_event_in_the_reason()
    {
        var seller = await server.NewSellerAsync();
        var (sale, position) = await UnreadableAsync(seller);

        var refund = Seller.Sale(sale, status: "refunded");
        var answer = await seller.DeliverAsync(refund);

        answer.Code.ShouldBe(202, answer.Text);
        answer.IsDuplicate.ShouldBeFalse();
        answer.Json.GetProperty("note").GetString().ShouldBe($"Kept, not understood: event {position} of its sale cannot be read");
        (await Replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem().Reason.ShouldContain($"event {position} ");
        (await seller.DeliverAsync(refund)).IsDuplicate.ShouldBeTrue();
        (await Replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();
        (
            await server.Database.ScalarAsync<bool>(
                "select bool_and(body not like '%refunded%') from kept_delivery where tenant_id = $1",
                seller.Tenant
            )
        ).ShouldBeTrue("it is kept encrypted");
    }

    [Fact]
    public async Task What_was_said_word_for_word_before_is_kept_as_well_since_it_may_be_news()
    {
        var seller = await server.NewSellerAsync();
        var (sale, _) = await UnreadableAsync(seller);

        var answer = await seller.DeliverAsync(Seller.Sale(sale));

        (answer.Code, answer.IsDuplicate).ShouldBe((202, false));
        (await Replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();
        await MendAsync(seller, sale);
        (await ReplayAsync(seller)).Outcome.ShouldBe("sale");
        (await Replay.ListAsync(seller.Tenant, null)).ShouldBeEmpty();
        (await ChangesAsync(seller, sale)).ShouldBe(0, "it was no news");
    }

    [Fact]
    public async Task It_stays_kept_until_the_event_is_mended_and_reaches_the_sale_then()
    {
        var seller = await server.NewSellerAsync();
        var (sale, position) = await UnreadableAsync(seller);
        (await seller.DeliverAsync(Seller.Sale(sale, status: "refunded"))).Code.ShouldBe(202);

        foreach (var isRehearsal in (bool[])[true, false])
        {
            var refused = await ReplayAsync(seller, isRehearsal);
            refused.Outcome.ShouldBe("not_understood");
            refused.Detail.ShouldBe($"event {position} of its sale cannot be read");
        }
        (await Replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();

        await MendAsync(seller, sale);
        (await ReplayAsync(seller, isRehearsal: true)).Outcome.ShouldBe("sale");
        (await ReplayAsync(seller)).Outcome.ShouldBe("sale");
        (await Replay.ListAsync(seller.Tenant, null)).ShouldBeEmpty();
        (await ChangesAsync(seller, sale)).ShouldBe(1);
    }

    private ReplayDeliveries Replay => server.Host.Services.GetRequiredService<ReplayDeliveries>();

    private async Task<ReplayedDelivery> ReplayAsync(Seller seller, bool isRehearsal = false) =>
        (await Replay.ReplayAsync(seller.Tenant, null, null, isRehearsal)).ShouldHaveSingleItem();

    private static string Stream(string order) => $"conversion-perfectpay-{order}";

    private Task<long> ChangesAsync(Seller seller, string order) =>
        server.Database.ScalarAsync<long>(
            "select count(*) from mt_events where tenant_id = $1 and stream_id = $2 and type = 'conversion_state_changed'",
            seller.Tenant,
            Stream(order)
        );

    private Task MendAsync(Seller seller, string order) => SetStateAsync(seller, order, "Approved");

    private Task SetStateAsync(Seller seller, string order, string state) =>
        server.Database.ExecuteAsync(
            "update mt_events set data = jsonb_set(data, '{state}', to_jsonb($3::text)) where tenant_id = $1 and stream_id = $2 and version = 1",
            seller.Tenant,
            Stream(order),
            state
        );

    private async Task<(string Order, long Position)> UnreadableAsync(Seller seller)
    {
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await SetStateAsync(seller, order, "Nope");
        return (
            order,
            await server.Database.ScalarAsync<long>(
                "select seq_id from mt_events where tenant_id = $1 and stream_id = $2 and version = 1",
                seller.Tenant,
                Stream(order)
            )
        );
    }
}
