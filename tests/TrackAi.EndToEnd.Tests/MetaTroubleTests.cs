using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Meta down, slow, refusing: everything is sent in the end, once, under the id it always had.</summary>
public sealed class MetaTroubleTests(MetaTroubleTests.Impatient server) : MetaTroubles(server), IClassFixture<MetaTroubleTests.Impatient>
{
    /// <summary>Meta is not waited for long; what is due again is taken when it is due, without a look now and then.</summary>
    public sealed class Impatient : TrackAiServer
    {
        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["Meta:TimeoutSeconds"] = "5",
                ["Dispatch:PollingTime"] = "01:00:00",
                ["Dispatch:HousekeepingTime"] = "00:00:00.200",
            };
    }

    [Fact]
    public async Task One_bad_event_of_a_batch_keeps_nobody_back()
    {
        var seller = await server.NewSellerAsync();
        var orders = Enumerable.Range(0, 20).Select(_ => seller.NewOrder()).ToArray();
        await server.StopAsync();
        await using (var deaf = await server.StartAnotherAsync(("Dispatch:RunWorker", "false")))
        {
            var answers = await Task.WhenAll(orders.Select(order => seller.DeliverAsync(Seller.Sale(order), deaf.Http)));
            answers.ShouldAllBe(answer => answer.Code == 202);
            await Eventually.TrueAsync(
                async () =>
                    await server.Database.ScalarAsync<long>("select count(*) from dispatch_queue where tenant_id = $1", seller.Tenant)
                    == orders.Length,
                "all wait in the queue"
            );
        }
        var (bad, requests) = (seller.EventId("perfectpay", orders[7]).ToString(), server.Meta.RequestsFor(seller.PixelId));
        server.Meta.Inject(MetaFault.Error(400, 100, 2804050) with { Pixel = seller.PixelId, EventId = bad });

        await server.StartAsync();

        await server.Host.SettledAsync();
        var arrived = orders.ToDictionary(order => order, server.AtMeta);
        arrived[orders[7]].ShouldBeEmpty();
        arrived.Where(one => one.Key != orders[7]).ShouldAllBe(one => one.Value.Count == 1 && one.Value[0].Times == 1);
        (server.Meta.RequestsFor(seller.PixelId) - requests).ShouldBeGreaterThan(1, "they went together first");
        (server.Meta.RequestsFor(seller.PixelId) - requests).ShouldBeLessThan(orders.Length);
        var letter = await server.Database.ScalarAsync<string>(
            "select conversion_id || ' ' || reason || ' ' || error from dispatch_dead_letter where tenant_id = $1",
            seller.Tenant
        );
        letter.ShouldStartWith($"perfectpay-{orders[7]} permanent ");
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from dispatch_attempt where tenant_id = $1 and status = 'dead' and http_status = 400 and code = 100",
                seller.Tenant
            )
        ).ShouldBe(1);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from conversion where tenant_id = $1 and dispatch_status = 'sent'",
                seller.Tenant
            )
        ).ShouldBe(orders.Length - 1);
    }

    [Fact]
    public async Task A_sale_that_cannot_be_read_any_more_becomes_a_dead_letter_and_keeps_nobody_back()
    {
        var seller = await server.NewSellerAsync();
        string[] orders = [seller.NewOrder(), seller.NewOrder(), seller.NewOrder()];
        server.Meta.Inject(MetaFault.Error(503, 2) with { Pixel = seller.PixelId });
        foreach (var order in orders)
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        // And rest for an hour: what is on its way has been read already.
        await Eventually.TrueAsync(
            async () =>
            {
                await server.Database.ExecuteAsync(
                    "update dispatch_queue set due_at = now() + interval '1 hour' where tenant_id = $1 and attempt > 0 and claim is null",
                    seller.Tenant
                );
                return await server.Database.ScalarAsync<bool>(
                    """
                    select count(*) = 3 from dispatch_queue
                    where tenant_id = $1 and attempt > 0 and claim is null and due_at > now() + interval '30 minutes'
                    """,
                    seller.Tenant
                );
            },
            "each sale to have failed once"
        );
        await server.Database.ExecuteAsync(
            "update stream_key set wrapped_key = sha256(wrapped_key) where tenant_id = $1 and stream_id = $2",
            seller.Tenant,
            $"conversion-perfectpay-{orders[1]}"
        );
        // All three at once, so that they are in one batch.
        await server.Database.ExecuteAsync(
            "update dispatch_queue set due_at = now(), claim = null, claimed_until = null where tenant_id = $1",
            seller.Tenant
        );

        server.Meta.ClearFaults();
        // Whose arrival makes the sender look.
        var next = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(next))).Code.ShouldBe(202);
        await server.Host.SettledAsync();

        foreach (var readable in new[] { orders[0], orders[2], next })
            server.AtMeta(readable).ShouldHaveSingleItem();
        server.AtMeta(orders[1]).ShouldBeEmpty();
        (
            await server.Database.ScalarAsync<string>(
                "select string_agg(conversion_id || ' ' || reason, ',') from dispatch_dead_letter where tenant_id = $1",
                seller.Tenant
            )
        ).ShouldBe($"perfectpay-{orders[1]} unreadable");
    }

    [Fact]
    public async Task With_a_dead_token_sales_wait_and_go_out_with_the_new_one()
    {
        var seller = await server.NewSellerAsync(tokenIsValid: false);
        var orders = Enumerable.Range(0, 5).Select(_ => seller.NewOrder()).ToArray();
        foreach (var order in orders)
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await seller.PausedAsync();
        (await AttemptsAsync(seller)).Length.ShouldBeLessThanOrEqualTo(orders.Length, "a paused pixel is not asked again");
        (await server.Database.ScalarAsync<long>("select count(*) from dispatch_queue where tenant_id = $1", seller.Tenant)).ShouldBe(
            orders.Length
        );
        (await server.Database.ScalarAsync<long>("select count(*) from dispatch_dead_letter where tenant_id = $1", seller.Tenant)).ShouldBe(
            0
        );

        await seller.SetTokenAsync("EAAGtheNewTokenOfThisPixel");

        await server.Host.SettledAsync();
        foreach (var order in orders)
            server
                .AtMeta(order)
                .ShouldHaveSingleItem()
                .TokenFingerprint.ShouldBe(MetaStandInServer.Fingerprint("EAAGtheNewTokenOfThisPixel"));
    }

    [Fact]
    public async Task A_pixel_in_trouble_keeps_no_other_pixel_back()
    {
        var (ill, well) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        server.Meta.Inject(MetaFault.Hang() with { Pixel = ill.PixelId });
        var (late, order) = (ill.NewOrder(), well.NewOrder());

        (await ill.DeliverAsync(Seller.Sale(late))).Code.ShouldBe(202);
        (await well.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);

        await server.ArrivedAsync(order);
        server.AtMeta(late).ShouldBeEmpty();
        server.Meta.ClearFaults();
        await server.ArrivedAsync(late);
        await server.Host.SettledAsync();
    }
}
