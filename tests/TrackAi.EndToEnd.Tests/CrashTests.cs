using TrackAi.Contracts;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>
/// A host is killed (SIGKILL) before and after each single step between the webhook and the record of Meta's answer, and another one comes: every
/// sale ends in exactly one state, under one id, sent. The step is held where it is by a lock on its table or by a Meta that does not answer, so
/// the kill never misses it.
/// </summary>
public abstract class CrashTests(TrackAiServer server)
{
    // From the webhook's arrival to its commit.

    [Fact]
    public async Task Killed_before_the_append_nothing_is_acknowledged_and_the_redelivery_is_the_sale()
    {
        await using var victim = await VictimAsync();
        await using (var trap = await Trap.SetAsync(server.Database, "mt_events", "exclusive"))
        {
            var delivering = victim.TryDeliverAsync();
            await trap.SprungAsync();
            await victim.KillAsync();
            (await delivering).ShouldBeNull("nobody was told that it was taken");
            await trap.KillCaughtAsync();
        }
        await server.StartAsync();

        (await victim.Seller.DeliverAsync(victim.Sale)).IsDuplicate.ShouldBeFalse();

        await EndsOnceAsync(victim);
    }

    [Fact]
    public async Task Killed_after_the_append_and_before_its_answer_the_redelivery_is_a_duplicate()
    {
        await using var victim = await VictimAsync();
        await using (var trap = await Trap.SetAsync(server.Database, "mt_events", "exclusive"))
        {
            var delivering = victim.TryDeliverAsync();
            await trap.SprungAsync();
            await victim.KillAsync();
            (await delivering).ShouldBeNull("nobody was told that it was taken");
        }
        // The dead host's statement is the server's to finish.
        await Eventually.TrueAsync(async () => await CountAsync(victim, "conversion_received") == 1, "it is committed");
        await server.StartAsync();

        (await victim.Seller.DeliverAsync(victim.Sale)).IsDuplicate.ShouldBeTrue();

        await EndsOnceAsync(victim);
    }

    // From the commit to the queue.

    [Fact]
    public async Task Killed_after_the_answer_and_before_it_is_matched()
    {
        await using var victim = await VictimAsync(("EventStore:RunDaemon", "false"));
        await victim.DeliverAsync();
        await victim.KillAsync();

        await server.StartAsync();

        await EndsOnceAsync(victim);
    }

    [Fact]
    public async Task Killed_before_the_decision_is_queued()
    {
        await using var victim = await VictimAsync(("Dispatch:RunWorker", "false"));
        await using (var trap = await Trap.SetAsync(server.Database, "dispatch_queue", "exclusive"))
        {
            await victim.DeliverAsync();
            await trap.SprungAsync();
            await victim.KillAsync();
            await trap.KillCaughtAsync();
        }
        (await CountAsync(victim, "dispatch_requested")).ShouldBe(0, "the decision and its place in the queue commit together");

        await server.StartAsync();

        await EndsOnceAsync(victim);
    }

    [Fact]
    public async Task Killed_after_the_decision_and_before_the_claim()
    {
        await using var victim = await VictimAsync(("Dispatch:RunWorker", "false"));
        await victim.DeliverAsync();
        await QueuedAsync(victim, "claim is null");
        await victim.KillAsync();

        await server.StartAsync();

        await EndsOnceAsync(victim);
    }

    // From the claim to Meta and back.

    [Fact]
    public async Task Killed_after_the_claim_and_before_the_request()
    {
        await using var victim = await VictimAsync(("Dispatch:RunWorker", "false"));
        await victim.DeliverAsync();
        await QueuedAsync(victim, "claim is null");
        await victim.RestartAsync();
        await using (var trap = await Trap.SetAsync(server.Database, "stream_key", "access exclusive"))
        {
            await victim.StartAsync();
            // What is personal is opened between the claim and the request.
            await QueuedAsync(victim, "claim is not null");
            await trap.SprungAsync();
            await victim.KillAsync();
            await trap.KillCaughtAsync();
        }
        server.AtMeta(victim.Order).ShouldBeEmpty();

        await server.StartAsync();

        await EndsOnceAsync(victim);
    }

    [Fact]
    public async Task Killed_after_the_request_and_before_Meta_took_it()
    {
        await using var victim = await VictimAsync();
        await SentAsync(victim, MetaFault.Hang());
        await victim.KillAsync();
        server.Meta.ClearFaults();
        server.AtMeta(victim.Order).ShouldBeEmpty();

        await server.StartAsync();

        await EndsOnceAsync(victim);
    }

    [Fact]
    public async Task Killed_after_Meta_took_it_and_before_its_answer()
    {
        await using var victim = await VictimAsync();
        await SentAsync(victim, MetaFault.Hang() with { AcceptFirst = true });
        await server.ArrivedAsync(victim.Order);
        await victim.KillAsync();
        server.Meta.ClearFaults();

        await server.StartAsync();

        await EndsOnceAsync(victim, times: 2);
    }

    [Fact]
    public async Task Killed_after_Metas_answer_and_before_its_record()
    {
        await using var victim = await VictimAsync(("Meta:TimeoutSeconds", "300"));
        await SentAsync(victim, MetaFault.Delay(TimeSpan.FromMinutes(10)));
        await using (var trap = await Trap.SetAsync(server.Database, "mt_events", "exclusive"))
        {
            server.Meta.ClearFaults();
            await server.ArrivedAsync(victim.Order);
            await trap.SprungAsync();
            await victim.KillAsync();
            await trap.KillCaughtAsync();
        }
        (await CountAsync(victim, "dispatch_succeeded")).ShouldBe(0);

        await server.StartAsync();

        await EndsOnceAsync(victim, times: 2);
    }

    [Fact]
    public async Task Killed_after_the_record()
    {
        await using var victim = await VictimAsync();
        await victim.DeliverAsync();
        await Eventually.TrueAsync(async () => await CountAsync(victim, "dispatch_succeeded") == 1, "it is recorded");
        await victim.KillAsync();

        await server.StartAsync();

        await EndsOnceAsync(victim, times: 1);
    }

    /// <summary>A sale of a new seller and the process that is to be killed over it; no other host runs.</summary>
    private protected async Task<Victim> VictimAsync(params IReadOnlyList<(string Key, string Value)> settings)
    {
        var seller = await server.NewSellerAsync();
        await server.StopAsync();
        var victim = new Victim(server, seller);
        try
        {
            await victim.StartAsync(settings);
            return victim;
        }
        catch
        {
            await victim.DisposeAsync();
            throw;
        }
    }

    /// <param name="times">How often the same event reached Meta; null where once and twice are both right.</param>
    private protected async Task EndsOnceAsync(Victim victim, int? times = null)
    {
        await server.Host.SettledAsync();
        var purchase = server.AtMeta(victim.Order).ShouldHaveSingleItem("it reached Meta under one id");
        purchase.EventId.ShouldBe(victim.Seller.EventId("perfectpay", victim.Order).ToString());
        purchase.Times.ShouldBeInRange(times ?? 1, times ?? 2);
        foreach (var once in (string[])["conversion_received", "dispatch_requested", "dispatch_succeeded"])
            (await CountAsync(victim, once)).ShouldBe(1, once);
        foreach (var never in (string[])["dispatch_dead_lettered", "dispatch_skipped"])
            (await CountAsync(victim, never)).ShouldBe(0, never);
        (
            await server.Database.ScalarAsync<string>(
                "select string_agg(conversion_id || ' ' || dispatch_status, ',') from conversion where tenant_id = $1",
                victim.Seller.Tenant
            )
        ).ShouldBe($"perfectpay-{victim.Order} sent");
        var ledger = (IDispatchLedger)server.Host.Services.GetService(typeof(IDispatchLedger))!;
        (await ledger.VerifyAsync((_, _) => { }, CancellationToken.None)).Problems.ShouldBeEmpty();
    }

    private protected async Task SentAsync(Victim victim, MetaFault fault)
    {
        var requests = server.Meta.RequestsFor(victim.Seller.PixelId);
        server.Meta.Inject(fault with { Pixel = victim.Seller.PixelId });
        await victim.DeliverAsync();
        await server.Meta.WaitForAsync(meta => meta.RequestsFor(victim.Seller.PixelId) > requests, Eventually.Patience);
    }

    private Task QueuedAsync(Victim victim, string how) =>
        Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    $"select exists (select from dispatch_queue where tenant_id = $1 and {how})",
                    victim.Seller.Tenant
                ),
            $"it is in the queue, {how}"
        );

    private protected Task<long> CountAsync(Victim victim, string type) =>
        server.Database.ScalarAsync<long>("select count(*) from mt_events where tenant_id = $1 and type = $2", victim.Seller.Tenant, type);

    private protected sealed class Victim(TrackAiServer server, Seller seller) : IAsyncDisposable
    {
        private HostProcess? host;

        public Seller Seller => seller;

        public string Order { get; } = seller.NewOrder();

        public System.Text.Json.Nodes.JsonObject Sale => Seller.Sale(Order);

        public async Task StartAsync(params IReadOnlyList<(string Key, string Value)> settings)
        {
            var all = new Dictionary<string, string?>(server.Settings, StringComparer.OrdinalIgnoreCase);
            foreach (var (key, value) in settings)
                all[key] = value;
            host = await HostProcess.ServeAsync(all);
        }

        public async Task DeliverAsync() => (await TryDeliverAsync())?.Code.ShouldBe(202);

        /// <summary>Null where the host was gone before it answered.</summary>
        public async Task<Answer?> TryDeliverAsync()
        {
            try
            {
                return await seller.DeliverAsync(Sale, host!.Http);
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }

        public Task KillAsync() => host!.KillAsync();

        public async Task RestartAsync()
        {
            await KillAsync();
            await host!.DisposeAsync();
            host = null;
        }

        public async ValueTask DisposeAsync()
        {
            if (host is not null)
                await host.DisposeAsync();
        }
    }
}

/// <summary>Every step with the queue in Postgres.</summary>
public sealed class PostgresCrashTests(RestartTests.Quick server) : CrashTests(server), IClassFixture<RestartTests.Quick>;

/// <summary>Every step with SQS in between, and those that only SQS has.</summary>
public sealed class SqsCrashTests(SqsCrashTests.Gated server) : CrashTests(server), IClassFixture<SqsCrashTests.Gated>
{
    public sealed class Gated : SqsTests.BySqs
    {
        public SqsGate Gate { get; } = new();

        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["Sqs:ServiceUrl"] = Gate.Url,
                ["Meta:TimeoutSeconds"] = "10",
                ["Dispatch:ClaimTime"] = "00:00:05",
                ["EventStore:LeaseTime"] = "00:00:01",
                ["EventStore:LeaseRenewal"] = "00:00:00.300",
            };

        public override async ValueTask InitializeAsync()
        {
            await Gate.StartAsync(Sqs.Url);
            await base.InitializeAsync();
        }

        public override async ValueTask DisposeAsync()
        {
            GC.SuppressFinalize(this);
            await base.DisposeAsync();
            await Gate.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("SendMessageBatch", false)]
    [InlineData("SendMessageBatch", true)]
    [InlineData("ReceiveMessage", true)]
    [InlineData("DeleteMessageBatch", false)]
    [InlineData("DeleteMessageBatch", true)]
    public async Task Killed_before_and_after_SQS_did_its_part(string operation, bool isDone)
    {
        await using var victim = await VictimAsync();
        await server.Gate.EmptyAsync();
        using (var held = server.Gate.Hold(operation, isDone))
        {
            await victim.DeliverAsync();
            await held.ReachedAsync();
            await victim.KillAsync();
        }

        await server.StartAsync();

        await EndsOnceAsync(victim, times: 1);
    }
}
