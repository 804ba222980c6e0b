using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>An operator archived the stream of a sale (mt_archive_stream) before everybody was done with it: nobody stops, and nothing is sent twice.</summary>
public sealed class ArchivedSaleTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_click_that_comes_late_for_an_archived_sale_changes_nothing_and_stops_nobody()
    {
        var seller = await server.NewSellerAsync();
        var (archived, open) = (seller.NewOrder(), seller.NewOrder());
        foreach (var (order, fbp) in new[] { (archived, "fb.1.1793890500123.5000000011"), (open, "fb.1.1793890500123.5000000012") })
        {
            var sale = Seller.Sale(order);
            sale["fbp"] = fbp;
            // Two people: one whose phone is the other's would be joined to either click, one after the other.
            sale["customer"]!["phone"] = $"+55 85 98712-{fbp[^4..]}";
            (await seller.DeliverAsync(sale)).Code.ShouldBe(202);
        }

        await server.Host.SettledAsync();
        await ArchiveAsync(seller, archived);

        (await seller.TrackAsync("click", new { fbp = "fb.1.1793890500123.5000000011", age_ms = 600_000 })).Code.ShouldBe(201);
        (await seller.TrackAsync("click", new { fbp = "fb.1.1793890500123.5000000012", age_ms = 600_000 })).Code.ShouldBe(201);

        await server.Host.SettledAsync();
        (await MatchedAsync(seller, open)).ShouldBe(1);
        await server.Host.SettledAsync();
        (await MatchedAsync(seller, archived)).ShouldBe(0);
    }

    [Fact]
    public async Task What_was_to_be_sent_of_an_archived_sale_is_sent_once_and_leaves_the_queue()
    {
        var seller = await server.NewSellerAsync(tokenIsValid: false);
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await seller.PausedAsync();
        await server.Host.ProjectedAsync();
        await ArchiveAsync(seller, order);

        await seller.SetTokenAsync("EAAGmended");

        await server.ArrivedAsync(order);
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select count(*) = 0 from dispatch_queue where tenant_id = $1", seller.Tenant),
            "the queue is empty"
        );
        server.AtMeta(order).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_dead_letter_of_an_archived_sale_is_put_away_with_the_others()
    {
        var seller = await server.NewSellerAsync();
        string[] orders = [seller.NewOrder(), seller.NewOrder()];
        server.Meta.Inject(MetaFault.Error(400, 100, 2804050) with { Pixel = seller.PixelId });
        foreach (var order in orders)
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select count(*) = 2 from dispatch_dead_letter where tenant_id = $1", seller.Tenant),
            "both are given up"
        );
        await ArchiveAsync(seller, orders[0]);

        var letters = server.Host.Services.GetRequiredService<IDeadLetters>();
        (await letters.DiscardAsync(new DeadLetterFilter(seller.Tenant), "a test", "a test", CancellationToken.None)).Count.ShouldBe(2);

        (await server.Database.ScalarAsync<long>("select count(*) from dispatch_dead_letter where tenant_id = $1", seller.Tenant)).ShouldBe(
            0
        );
    }

    [Fact]
    public async Task Whoever_asks_is_erased_from_archived_sales_as_well()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await ArchiveAsync(seller, order);

        var certificate = await server
            .Host.Services.GetRequiredService<IPersonRequests>()
            .EraseAsync(new PersonRequest(seller.Tenant, [], [], [order]), dryRun: false);

        certificate.Streams.ShouldHaveSingleItem().Stream.ShouldBe(StreamOf(order));
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from stream_key where tenant_id = $1 and stream_id = $2 and wrapped_key is not null",
                seller.Tenant,
                StreamOf(order)
            )
        ).ShouldBe(0, "no part of theirs opens any more");
    }

    private static string StreamOf(string order) => $"conversion-perfectpay-{order}";

    private Task ArchiveAsync(Seller seller, string order) =>
        server.Database.ExecuteAsync("select mt_archive_stream($1, $2)", StreamOf(order), seller.Tenant);

    private Task<long> MatchedAsync(Seller seller, string order) =>
        server.Database.ScalarAsync<long>(
            "select count(*) from mt_events where tenant_id = $1 and stream_id = $2 and type = 'conversion_matched'",
            seller.Tenant,
            StreamOf(order)
        );
}
