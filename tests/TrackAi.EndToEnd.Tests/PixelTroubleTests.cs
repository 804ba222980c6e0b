using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A pixel that cannot be sent to, and Meta gone as a whole: what waits keeps waiting where it is, nothing is given up, and all of it goes out later.</summary>
public sealed class PixelTroubleTests(PixelTroubleTests.Watchful server) : IClassFixture<PixelTroubleTests.Watchful>
{
    /// <summary>Circuits that open after a few requests and are tried again soon.</summary>
    public sealed class Watchful : TrackAiServer
    {
        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["Dispatch:HousekeepingTime"] = "00:00:00.200",
                ["Dispatch:Circuit:Break"] = "00:00:01",
                ["Dispatch:Circuit:LongestBreak"] = "00:00:02",
                ["Dispatch:Circuit:MinimumRequestsOfAll"] = "100000",
            };
    }

    [Fact]
    public async Task A_dead_token_pauses_its_pixel_once_and_a_new_one_resumes_it_by_itself()
    {
        var seller = await server.NewSellerAsync(tokenIsValid: false);
        var first = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(first))).Code.ShouldBe(202);
        await seller.PausedAsync();
        var requests = server.Meta.RequestsFor(seller.PixelId);

        // Later sales wait without being tried.
        var second = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(second))).Code.ShouldBe(202);
        await QueuedAsync(seller, 2);
        server.Meta.RequestsFor(seller.PixelId).ShouldBe(requests);
        await seller.SetTokenAsync("EAAGanotherTokenOfThisPixel");

        await server.ArrivedAsync(first);
        await server.ArrivedAsync(second);
        await QueuedAsync(seller, 0);
        var told = await PixelEventsAsync(seller);
        told.Select(one => one.GetType()).ShouldBe([typeof(PixelPaused), typeof(PixelResumed)]);
        var paused = (PixelPaused)told[0];
        (paused.Reason, paused.Code, paused.FbTraceId is { Length: > 0 }).ShouldBe(("token", 190, true));
        ((PixelResumed)told[1]).Cause.ShouldBe("token_changed");
    }

    [Fact]
    public async Task A_missing_permission_pauses_the_pixel_and_keeps_the_others_going()
    {
        var (ill, well) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        server.Meta.Inject(MetaFault.Error(403, 200) with { Pixel = ill.PixelId });
        var (late, order) = (ill.NewOrder(), well.NewOrder());
        (await ill.DeliverAsync(Seller.Sale(late))).Code.ShouldBe(202);
        await ill.PausedAsync();

        (await well.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);

        await server.ArrivedAsync(order);
        server.Meta.ClearFaults();
        server.AtMeta(late).ShouldBeEmpty("nobody said that it may go on");
        ((PixelPaused)(await PixelEventsAsync(ill)).ShouldHaveSingleItem()).Reason.ShouldBe("permission");
        (await QueuedAsync(ill, 1)).ShouldBe(1);
    }

    [Fact]
    public async Task A_pixel_that_fails_fast_is_left_alone_and_tried_again_with_a_few_events()
    {
        var seller = await server.NewSellerAsync();
        server.Meta.Inject(MetaFault.Error(500, 1) with { Pixel = seller.PixelId });
        var orders = Enumerable.Range(0, 30).Select(_ => seller.NewOrder()).ToArray();
        foreach (var order in orders)
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await Eventually.TrueAsync(async () => (await PixelEventsAsync(seller)).OfType<PixelCircuitOpened>().Any(), "the circuit opened");
        (await server.Database.ScalarAsync<string>("select circuit from dispatch_pixel where tenant_id = $1", seller.Tenant)).ShouldBe(
            "open"
        );
        (await server.Database.ScalarAsync<long>("select count(*) from dispatch_dead_letter where tenant_id = $1", seller.Tenant)).ShouldBe(
            0
        );

        server.Meta.ClearFaults();

        await QueuedAsync(seller, 0);
        foreach (var order in orders)
            server.AtMeta(order).ShouldHaveSingleItem().EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        (await PixelEventsAsync(seller)).Select(one => one.GetType()).ShouldBe([typeof(PixelCircuitOpened), typeof(PixelCircuitClosed)]);
        (await server.Database.ScalarAsync<string>("select circuit from dispatch_pixel where tenant_id = $1", seller.Tenant)).ShouldBe(
            "closed"
        );
    }

    [Fact]
    public async Task With_the_flag_off_no_circuit_keeps_anything_back()
    {
        await using var host = await OtherHostAsync(("FeatureManagement:circuit_breaker", "false"));
        var seller = host.Seller;
        server.Meta.Inject(MetaFault.Error(500, 1) with { Pixel = seller.PixelId });
        (await seller.DeliverAsync(Seller.Sale(seller.NewOrder()), host.Host.Http)).Code.ShouldBe(202);

        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select max(attempt) > 12 from dispatch_queue where tenant_id = $1", seller.Tenant),
            "it is tried again and again"
        );

        server.Meta.ClearFaults();
        await QueuedAsync(seller, 0);
        (await EventsAsync(seller.Tenant, Streams.Pixel(seller.PixelId), host.Host)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_throttled_pixel_is_left_alone_as_long_as_Meta_says()
    {
        var (busy, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        server.Meta.Inject(MetaFault.Throttled(regainAccessMinutes: 5) with { Pixel = busy.PixelId, Times = 1 });
        (await busy.DeliverAsync(Seller.Sale(busy.NewOrder()))).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    "select coalesce(max(throttled_until) > now() + interval '4 minutes', false) from dispatch_pixel where tenant_id = $1",
                    busy.Tenant
                ),
            "the pixel is left alone"
        );

        var (waiting, order) = (busy.NewOrder(), other.NewOrder());
        (await busy.DeliverAsync(Seller.Sale(waiting))).Code.ShouldBe(202);
        (await other.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);

        await server.ArrivedAsync(order);
        await QueuedAsync(busy, 2);
        server.AtMeta(waiting).ShouldBeEmpty("its pixel is throttled, though this event was never tried");
    }

    [Theory]
    [InlineData(90, null, 10)]
    [InlineData(80, 3, 150)]
    public async Task A_pixel_that_comes_near_Metas_limit_rests_although_all_of_it_was_taken(int percent, int? regainMinutes, int seconds)
    {
        var (busy, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        server.Meta.Inject(MetaFault.Usage(percent, regainMinutes) with { Pixel = busy.PixelId, Times = 1 });
        var (first, second, theirs) = (busy.NewOrder(), busy.NewOrder(), other.NewOrder());
        (await busy.DeliverAsync(Seller.Sale(first))).Code.ShouldBe(202);
        await server.ArrivedAsync(first);
        await Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    "select coalesce(max(throttled_until) > now() + $2 * interval '1 second', false) from dispatch_pixel where tenant_id = $1",
                    busy.Tenant,
                    seconds
                ),
            "the pixel rests"
        );

        (await busy.DeliverAsync(Seller.Sale(second))).Code.ShouldBe(202);
        (await other.DeliverAsync(Seller.Sale(theirs))).Code.ShouldBe(202);

        await server.ArrivedAsync(theirs);
        await QueuedAsync(busy, 1);
        server.AtMeta(first).ShouldHaveSingleItem().Times.ShouldBe(1);
        server.AtMeta(second).ShouldBeEmpty("Meta would refuse the whole app soon");
    }

    [Fact]
    public async Task A_pixel_with_room_left_does_not_rest()
    {
        var seller = await server.NewSellerAsync();
        server.Meta.Inject(MetaFault.Usage(70) with { Pixel = seller.PixelId });
        string[] orders = [seller.NewOrder(), seller.NewOrder()];

        foreach (var order in orders)
        {
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
            await server.ArrivedAsync(order);
        }

        await QueuedAsync(seller, 0);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from dispatch_pixel where tenant_id = $1 and throttled_until is not null",
                seller.Tenant
            )
        ).ShouldBe(0);
    }

    [Fact]
    public async Task A_sale_without_a_pixel_is_sent_once_its_tenant_has_one_in_time()
    {
        const string Secret = "a secret without a pixel";
        await server.Host.Tenants.AddTenantAsync("late-pixel", "Late pixel");
        await server.Host.Tenants.SetGatewaySecretAsync("late-pixel", "perfectpay", Secret);
        var seller = new Seller(server, "perfectpay", "late-pixel", Secret, "600000000000001");
        await Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Directory.FindConnection("late-pixel", "perfectpay") is not null),
            "the secret is known"
        );
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            async () => (await StreamAsync(seller, order)).OfType<DispatchSkipped>().Any(skipped => skipped.Reason == "no_pixel"),
            "it is skipped"
        );

        await seller.SetTokenAsync("EAAGtheFirstTokenOfThisPixel");

        await server.ArrivedAsync(order);
        await QueuedAsync(seller, 0);
        server.AtMeta(order).ShouldHaveSingleItem().EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        (await StreamAsync(seller, order))
            .Select(one => one.GetType())
            .ShouldBe([
                typeof(ConversionReceived),
                typeof(ConversionUnmatched),
                typeof(DispatchSkipped),
                typeof(DispatchRequested),
                typeof(DispatchSucceeded),
            ]);
    }

    private sealed record Other(TrackAiHost Host, Seller Seller, TrackAiServer Server) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Host.DisposeAsync();
            await Server.StartAsync();
        }
    }

    // One host at a time: what the other one does must not help.
    private async Task<Other> OtherHostAsync(params IReadOnlyList<(string, string)> settings)
    {
        var seller = await server.NewSellerAsync();
        await server.StopAsync();
        return new Other(await server.StartAnotherAsync(settings), seller, server);
    }

    private async Task<long> QueuedAsync(Seller seller, long count)
    {
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select count(*) = $2 from dispatch_queue where tenant_id = $1", seller.Tenant, count),
            $"{count} wait"
        );
        return count;
    }

    private async Task<IReadOnlyList<object>> PixelEventsAsync(Seller seller) =>
        await EventsAsync(seller.Tenant, Streams.Pixel(seller.PixelId));

    private Task<IReadOnlyList<object>> StreamAsync(Seller seller, string order) =>
        EventsAsync(seller.Tenant, Streams.Conversion(Streams.ConversionId("perfectpay", order)));

    private async Task<IReadOnlyList<object>> EventsAsync(string tenant, string stream, TrackAiHost? host = null) =>
        [.. (await (host ?? server.Host).Store.ReadStreamAsync(new StreamId(tenant, stream))).Select(recorded => recorded.Data)];
}
