using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>What Meta would refuse and we can know before is decided in the log, and never waits in the queue.</summary>
public sealed class ForeseenRefusalTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Theory]
    [InlineData("""{}""", "no_user_data")]
    [InlineData("""{"email":"not an address","phone":"12"}""", "no_user_data")]
    [InlineData("""{"city":"Fortaleza","state":"CE","country":"BR"}""", "weak_user_data")]
    public async Task A_sale_that_names_nobody_is_skipped_with_its_reason(string customer, string reason)
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();

        (await seller.DeliverAsync(SaleOf(order, customer))).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        (await StreamAsync(seller, order)).OfType<DispatchSkipped>().ShouldHaveSingleItem().Reason.ShouldBe(reason);
        await NothingWasQueuedAsync(seller);
        server.AtMeta(order).ShouldBeEmpty();
        var status = await server.Database.ScalarAsync<string>(
            "select dispatch_status::text || ' ' || dispatch_reason from conversion where tenant_id = $1",
            seller.Tenant
        );
        status.ShouldBe($"skipped {reason}");
    }

    [Fact]
    public async Task A_match_that_comes_late_and_tells_enough_has_the_sale_sent_after_all()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        (await seller.DeliverAsync(SaleOf(order, """{"name":"Ana"}"""))).Code.ShouldBe(202);
        await Eventually.TrueAsync(async () => (await StreamAsync(seller, order)).OfType<DispatchSkipped>().Any(), "it is skipped");
        var click = await seller.ClickAsync(new { fbp = "fb.1.1793890500123.1432567890" });

        // As Matching says it of evidence that comes after its first decision.
        var now = TimeProvider.System.GetUtcNow();
        await server.Host.Store.AppendAsync(
            new Append(
                StreamOf(seller, order),
                [
                    new ConversionMatched(
                        Streams.ConversionId("perfectpay", order),
                        "perfectpay",
                        click,
                        MatchRule.Fbp,
                        0.85,
                        1,
                        now,
                        now.AddDays(-7),
                        [],
                        [],
                        now
                    ),
                ]
            )
        );

        await server.ArrivedAsync(order);
        await server.Host.SettledAsync();
        var purchase = server.AtMeta(order).ShouldHaveSingleItem();
        purchase.EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        purchase.Event.GetProperty("user_data").TryGetProperty("fbp", out _).ShouldBeTrue();
        (await StreamAsync(seller, order))
            .Select(one => one.GetType())
            .ShouldBe([
                typeof(ConversionReceived),
                typeof(ConversionUnmatched),
                typeof(DispatchSkipped),
                typeof(ConversionMatched),
                typeof(DispatchRequested),
                typeof(DispatchSucceeded),
            ]);
        var (code, output) = await HostProcess.RunAsync(
            server.Settings,
            "replay",
            $"conversion-perfectpay-{order}",
            "--tenant",
            seller.Tenant
        );
        code.ShouldBe(0, output);
    }

    [Fact]
    public async Task A_cookie_alone_is_enough()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var sale = SaleOf(order, "{}");
        sale["fbp"] = "fb.1.1793890500123.1432567890";

        (await seller.DeliverAsync(sale)).Code.ShouldBe(202);

        (await server.ArrivedAsync(order)).Event.GetProperty("user_data").TryGetProperty("fbp", out _).ShouldBeTrue();
        await server.Host.SettledAsync();
    }

    [Fact]
    public async Task What_cannot_be_read_is_left_to_the_sending_and_keeps_nobody_waiting()
    {
        var seller = await server.NewSellerAsync();
        var (held, broken, good) = (seller.NewOrder(), seller.NewOrder(), seller.NewOrder());
        await using (var trap = await Trap.SetAsync(server.Database, "dispatch_queue", "exclusive"))
        {
            (await seller.DeliverAsync(Seller.Sale(held))).Code.ShouldBe(202);
            await trap.SprungAsync();
            var sale = SaleOf(broken, "{}");
            sale["fbp"] = "fb.1.1793890500123.1432567890";
            (await seller.DeliverAsync(sale)).Code.ShouldBe(202);
            await Eventually.TrueAsync(
                async () => (await StreamAsync(seller, broken)).OfType<ConversionUnmatched>().Any(),
                "it is found to have no click"
            );
            await server.Database.ExecuteAsync(
                "update stream_key set wrapped_key = sha256(wrapped_key) where tenant_id = $1 and stream_id = $2",
                seller.Tenant,
                $"conversion-perfectpay-{broken}"
            );
        }

        (await seller.DeliverAsync(Seller.Sale(good))).Code.ShouldBe(202);

        await server.ArrivedAsync(good);
        await server.Host.SettledAsync();
        (
            await server.Database.ScalarAsync<string>(
                "select string_agg(conversion_id || ' ' || reason, ',') from dispatch_dead_letter where tenant_id = $1",
                seller.Tenant
            )
        ).ShouldBe($"perfectpay-{broken} unreadable");
    }

    private static JsonObject SaleOf(string order, string customer, string? click = null)
    {
        var sale = Seller.Sale(order, clickId: click);
        sale["customer"] = JsonNode.Parse(customer);
        return sale;
    }

    private async Task NothingWasQueuedAsync(Seller seller)
    {
        (
            await server.Database.ScalarAsync<long>(
                "select (select count(*) from dispatch_queue where tenant_id = $1) + (select count(*) from dispatch_dead_letter where tenant_id = $1)",
                seller.Tenant
            )
        ).ShouldBe(0);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where tenant_id = $1 and type = 'dispatch_requested'",
                seller.Tenant
            )
        ).ShouldBe(0);
    }

    private async Task<IReadOnlyList<object>> StreamAsync(Seller seller, string order) =>
        [.. (await server.Host.Store.ReadStreamAsync(StreamOf(seller, order))).Select(recorded => recorded.Data)];

    private static StreamId StreamOf(Seller seller, string order) =>
        new(seller.Tenant, Streams.Conversion(Streams.ConversionId("perfectpay", order)));
}
