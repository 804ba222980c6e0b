using System.Net;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Hosts come and go: stopped in the middle of something, killed, several at once.</summary>
public sealed class RestartTests(RestartTests.Quick server) : IClassFixture<RestartTests.Quick>
{
    /// <summary>What a dead host held comes back soon; Meta is waited for no longer than a slow machine needs.</summary>
    public sealed class Quick : TrackAiServer
    {
        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["Meta:TimeoutSeconds"] = "5",
                ["Dispatch:ClaimTime"] = "00:00:05",
                ["EventStore:LeaseTime"] = "00:00:01",
                ["EventStore:LeaseRenewal"] = "00:00:00.300",
            };
    }

    [Fact]
    public async Task Stopped_while_Meta_keeps_silent_the_sale_is_sent_after_the_start_under_the_same_id()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        server.Meta.Inject(MetaFault.Hang() with { Pixel = seller.PixelId, AcceptFirst = true });
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.ArrivedAsync(order);

        await server.StopAsync();
        server.Meta.ClearFaults();
        await server.StartAsync();

        await server.Host.SettledAsync();
        var purchase = server.AtMeta(order).ShouldHaveSingleItem();
        purchase.EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        purchase.Times.ShouldBe(2);
        (await SucceededAsync(seller)).ShouldBe(1);
    }

    [Fact]
    public async Task A_stop_finishes_the_request_under_way()
    {
        var seller = await server.NewSellerAsync();
        var body = Seller.Bytes(Seller.Sale(seller.NewOrder()));
        using var held = new HeldContent(body);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/webhooks/perfectpay/{seller.Tenant}") { Content = held };
        request.Headers.ExpectContinue = true;
        request.Headers.Add("x-perfectpay-signature", Seller.Sign(body, seller.Secret));
        using var http = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) });
        http.BaseAddress = new Uri(server.Host.Url);
        var answering = http.SendAsync(request);
        await held.Wanted;

        var stopping = server.StopAsync();
        await Eventually.TrueAsync(async () => !await IsReachableAsync(http.BaseAddress), "the host takes no new connection");
        stopping.IsCompleted.ShouldBeFalse();
        held.Release();

        using var answer = await answering;
        ((int)answer.StatusCode).ShouldBe(202);
        await stopping;
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where tenant_id = $1 and type = 'conversion_received'",
                seller.Tenant
            )
        ).ShouldBe(1);
        await server.StartAsync();
    }

    [Fact]
    public async Task A_stop_finishes_the_send_under_way()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        await server.StopAsync();
        await server.StartAsync(("Meta:TimeoutSeconds", "300"));
        await seller.KnownToAsync(server.Host);
        server.Meta.Inject(MetaFault.Delay(TimeSpan.FromMinutes(5)) with { Pixel = seller.PixelId });
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Meta.WaitForAsync(meta => meta.RequestsFor(seller.PixelId) > 0, Eventually.Patience);

        var log = server.Host.Log;
        var stopping = server.StopAsync();
        await Eventually.TrueAsync(
            () => Task.FromResult(log.Text.Contains("Finishing 1 batches on their way to Meta", StringComparison.Ordinal)),
            "the stop has come to the send"
        );
        stopping.IsCompleted.ShouldBeFalse();
        server.Meta.ClearFaults();
        await stopping;

        // No host runs now: what is recorded was recorded by the one that stopped.
        (await SucceededAsync(seller)).ShouldBe(1);
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
        (await server.Database.ScalarAsync<long>("select count(*) from dispatch_queue where tenant_id = $1", seller.Tenant)).ShouldBe(0);
        await server.StartAsync();
    }

    [Fact]
    public async Task Two_hosts_at_once_send_each_sale_once()
    {
        var seller = await server.NewSellerAsync();
        await using var other = await server.StartAnotherAsync();
        await seller.KnownToAsync(other);
        var orders = Enumerable.Range(0, 100).Select(_ => seller.NewOrder()).ToArray();
        var duplicates = server.Meta.Duplicates;

        // Each delivery reaches both at the same moment.
        var answers = await Task.WhenAll(
            orders.SelectMany(order =>
            {
                var body = Seller.Sale(order);
                return new[] { seller.DeliverAsync(body, server.Host.Http), seller.DeliverAsync(body, other.Http) };
            })
        );

        answers.ShouldAllBe(answer => answer.Code == 202);
        answers.Count(answer => !answer.IsDuplicate).ShouldBe(orders.Length);
        await server.Host.SettledAsync();
        orders.ShouldAllBe(order => server.AtMeta(order).Count == 1);
        server.Meta.Duplicates.ShouldBe(duplicates, "nothing was sent twice, not even under the same id");
        (await SucceededAsync(seller)).ShouldBe(orders.Length);
    }

    [Fact]
    public async Task Killed_under_load_twice_it_loses_nothing_and_sends_nothing_under_two_ids()
    {
        var seller = await server.NewSellerAsync();
        server.Meta.Inject(MetaFault.Delay(TimeSpan.FromMilliseconds(50)) with { Pixel = seller.PixelId });
        await server.StopAsync();
        var accounts = new Accounts(server, seller);
        foreach (var enough in (int[])[100, 200])
        {
            await using var host = await HostProcess.ServeAsync(server.Settings);
            using var end = new CancellationTokenSource();
            var sending = accounts.SendAsync([host.Http], end.Token);
            await Eventually.TrueAsync(() => Task.FromResult(accounts.Orders.Count >= enough), $"{enough} sales were taken");

            await host.KillAsync();

            await end.CancelAsync();
            await sending;
        }
        server.Meta.ClearFaults();

        await server.StartAsync();

        await accounts.BalanceAsync();
        accounts.Codes.Distinct().ShouldBe([201, 202], ignoreOrder: true);
    }

    private Task<long> SucceededAsync(Seller seller) =>
        server.Database.ScalarAsync<long>(
            "select count(*) from mt_events where tenant_id = $1 and type = 'dispatch_succeeded'",
            seller.Tenant
        );

    private static async Task<bool> IsReachableAsync(Uri url)
    {
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, url.Port);
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }

    /// <summary>A body that the server has asked for and that the test holds back.</summary>
    private sealed class HeldContent : HttpContent
    {
        private readonly byte[] body;
        private readonly TaskCompletionSource wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HeldContent(byte[] body)
        {
            this.body = body;
            Headers.ContentType = new("application/json");
        }

        public Task Wanted => wanted.Task;

        public void Release() => released.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            wanted.SetResult();
            await released.Task;
            await stream.WriteAsync(body);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return true;
        }
    }
}
