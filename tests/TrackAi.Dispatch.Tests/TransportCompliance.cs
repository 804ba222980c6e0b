using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.Dispatch.Lanes;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.Dispatch.Tests;

/// <summary>What every transport promises. A host is a transport over the same database; dispatches come from the log as ever.</summary>
public abstract class TransportCompliance : IAsyncLifetime
{
    private readonly TestDatabase database = new();
    private readonly List<Sender> senders = [];
    private int numbers;

    internal static readonly Lane Lane = new("acme", "111");
    internal static readonly Lane Other = new("other", "222");

    private protected TestDatabase Database => database;

    private protected virtual void Configure(IServiceCollection services) { }

    private protected abstract IDispatchTransport TransportOf(IServiceProvider services);

    [Fact]
    public async Task What_is_queued_is_taken_once()
    {
        var (one, two) = (await HostAsync(), await HostAsync());
        var queued = await QueueAsync(Lane, 250);

        var taken = await TakeAllAsync(250, one, two);

        taken.Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
        taken.ShouldAllBe(dispatch => dispatch.Attempt == 0 && dispatch.Lane == Lane);
        await NothingIsTakenAsync(one, two);
    }

    [Fact]
    public async Task What_a_dead_host_held_is_taken_by_another()
    {
        var dead = await HostAsync();
        var queued = await QueueAsync(Lane, 20);
        dead.ClaimTime = TimeSpan.FromSeconds(1);
        await TakeAllAsync(20, dead);
        await dead.DieAsync();

        var taken = await TakeAllAsync(20, await HostAsync(claimTime: TimeSpan.FromSeconds(30)));

        taken.Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
    }

    [Fact]
    public async Task What_is_kept_up_stays_with_its_host()
    {
        var slow = await HostAsync(claimTime: TimeSpan.FromSeconds(2));
        await QueueAsync(Lane, 20);
        await TakeAllAsync(20, slow);
        await slow.ExtendAsync(TimeSpan.FromMinutes(5));
        await Database.ExecuteAsync("select pg_sleep(2.2)");

        await NothingIsTakenAsync(await HostAsync());
    }

    [Fact]
    public async Task What_Meta_confirmed_is_never_taken_again_and_recorded_once()
    {
        var one = await HostAsync();
        one.ClaimTime = TimeSpan.FromMilliseconds(300);
        await QueueAsync(Lane, 5);
        var first = await TakeAllAsync(5, one);
        await one.DieAsync();
        var two = await HostAsync();
        // Its claim ends while the answer is on its way, and another host sends the same.
        var second = await TakeAllAsync(5, two);

        await two.ConfirmAsync(second);
        await one.ConfirmAsync(first);

        (await Database.ScalarAsync<long>("select count(*) from mt_events where type = 'dispatch_succeeded'")).ShouldBe(5);
        await NothingIsTakenAsync(one, two);
    }

    [Fact]
    public async Task What_failed_comes_again_when_it_is_due_with_its_attempts_counted()
    {
        var host = await HostAsync();
        await QueueAsync(Lane, 3);
        var taken = await TakeAllAsync(3, host);

        await host.PostponeAsync(taken, TimeSpan.FromMilliseconds(400));

        var again = await TakeAllAsync(3, host);
        again
            .Select(dispatch => (dispatch.DispatchId, dispatch.Attempt))
            .ShouldBe(taken.Select(dispatch => (dispatch.DispatchId, 1)), ignoreOrder: true);
    }

    [Fact]
    public async Task What_was_not_sent_goes_back_as_if_it_had_never_been_taken()
    {
        var host = await HostAsync();
        var queued = await QueueAsync(Lane, 30);
        await host.ReleaseAsync(await TakeAllAsync(30, host));

        var again = await TakeAllAsync(30, host);

        again.Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
        again.ShouldAllBe(dispatch => dispatch.Attempt == 0);
    }

    [Fact]
    public async Task Nothing_is_taken_for_a_paused_pixel_and_all_of_it_once_it_is_resumed()
    {
        var host = await HostAsync();
        await host.PauseAsync(Lane);
        var queued = await QueueAsync(Lane, 40);
        var others = await QueueAsync(Other, 10);
        (await TakeAllAsync(10, host)).Select(dispatch => dispatch.DispatchId).ShouldBe(others, ignoreOrder: true);
        await NothingIsTakenAsync(host);

        (await host.ResumeAsync(Lane)).ShouldBeTrue();

        (await TakeAllAsync(40, host)).Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
    }

    [Fact]
    public async Task A_pause_that_comes_late_parks_what_is_on_its_way()
    {
        var host = await HostAsync();
        var queued = await QueueAsync(Lane, 40);
        // Time enough to be on its way, wherever that leads.
        await Database.ExecuteAsync("select pg_sleep(0.5)");
        await host.PauseAsync(Lane);
        await NothingIsTakenAsync(host);

        await host.ResumeAsync(Lane);

        (await TakeAllAsync(40, host)).Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
    }

    [Fact]
    public async Task An_open_circuit_keeps_everything_where_it_is_unless_circuits_are_switched_off()
    {
        var host = await HostAsync();
        await host.OpenCircuitAsync(Lane);
        await QueueAsync(Lane, 4);
        await NothingIsTakenAsync(host);

        host.Lanes.Circuits = false;
        await host.CallAsync();

        (await TakeAllAsync(4, host)).Count.ShouldBe(4);
    }

    [Fact]
    public async Task Of_a_pixel_whose_circuit_is_open_a_few_are_tried_when_its_time_has_come()
    {
        var host = await HostAsync();
        await host.OpenCircuitAsync(Lane, TimeSpan.FromSeconds(-1));
        await QueueAsync(Lane, 500);
        var others = await QueueAsync(Other, 100);

        var taken = new List<ClaimedDispatch>();
        while (others.Any(id => taken.All(dispatch => dispatch.DispatchId != id)) || taken.All(dispatch => dispatch.Lane != Lane))
            taken.AddRange(await TakeSomeAsync(host));

        taken.Count(dispatch => dispatch.Lane == Lane).ShouldBeInRange(1, 10);
    }

    [Fact]
    public async Task A_pixel_with_a_hundred_times_the_volume_keeps_no_other_waiting()
    {
        var host = await HostAsync();
        await QueueAsync(Lane, 5000);
        var small = await QueueAsync(Other, 50);

        var before = new List<ClaimedDispatch>();
        while (!small.All(id => before.Any(dispatch => dispatch.DispatchId == id)))
            before.AddRange(await TakeSomeAsync(host));

        before.Count(dispatch => dispatch.Lane == Lane).ShouldBeLessThan(2500);
    }

    [Fact]
    public async Task A_busy_pixel_is_passed_over()
    {
        var host = await HostAsync();
        await QueueAsync(Lane, 100);
        var others = await QueueAsync(Other, 100);

        var taken = await TakeAllAsync(100, [Lane], host);

        taken.Select(dispatch => dispatch.DispatchId).ShouldBe(others, ignoreOrder: true);
    }

    [Fact]
    public async Task Three_hosts_at_once_confirm_every_dispatch_exactly_once()
    {
        var hosts = new[] { await HostAsync(), await HostAsync(), await HostAsync() };
        for (var lane = 0; lane < 10; lane++)
            await QueueAsync(new Lane("acme", $"{lane}"), 150);

        await Task.WhenAll(hosts.Select(WorkAsync));

        (await Database.ScalarAsync<long>("select count(*) from mt_events where type = 'dispatch_succeeded'")).ShouldBe(1500);
        (await Database.ScalarAsync<long>("select count(distinct stream_id) from mt_events where type = 'dispatch_succeeded'")).ShouldBe(
            1500
        );

        async Task WorkAsync(Sender host)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    var taken = await host.TakeAsync([]);
                    await host.ConfirmAsync(taken);
                    return await Database.ScalarAsync<long>("select count(*) from dispatch_queue") == 0;
                },
                "the queue is empty"
            );
        }
    }

    public virtual async ValueTask InitializeAsync() => await database.InitializeAsync();

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var sender in senders)
            await sender.DisposeAsync();
        await database.DisposeAsync();
    }

    private protected async Task<Sender> HostAsync(TimeSpan? claimTime = null)
    {
        var host = await TestHost.StartAsync(
            database,
            services =>
            {
                services.AddSchema("dispatch", typeof(DispatchModule).Assembly);
                services.AddSingleton(new DispatchOptions { BatchSize = 500, PollingTime = TimeSpan.FromMilliseconds(500) });
                services.AddSingleton<PostgresQueue>();
                services.AddSingleton<PostgresTransport>();
                services.AddSingleton<HostLanes>();
                services.AddSingleton<PixelStates>();
                services.AddSingleton<RecordAttempts>();
                Configure(services);
            },
            settings: new Dictionary<string, string?> { ["EventStore:RunDaemon"] = "false" }
        );
        var sender = new Sender(host, TransportOf(host.Services)) { ClaimTime = claimTime ?? TimeSpan.FromMinutes(1) };
        senders.Add(sender);
        await sender.StartAsync();
        return sender;
    }

    private protected async Task<IReadOnlyList<string>> QueueAsync(Lane lane, int count)
    {
        var now = TimeProvider.System.GetUtcNow();
        QueuedDispatch[] dispatches =
        [
            .. Enumerable
                .Range(0, count)
                .Select(_ => Interlocked.Increment(ref numbers))
                .Select(number => new QueuedDispatch(
                    $"d-{number:00000}/{lane.PixelId}",
                    lane.TenantId,
                    $"perfectpay-{number:00000}",
                    lane.PixelId,
                    now,
                    now,
                    now.AddDays(7)
                )),
        ];
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await PostgresQueue.EnqueueAsync(connection, dispatches, CancellationToken.None);
        return [.. dispatches.Select(dispatch => dispatch.DispatchId)];
    }

    private protected Task<IReadOnlyList<ClaimedDispatch>> TakeAllAsync(int count, params IReadOnlyList<Sender> hosts) =>
        TakeAllAsync(count, [], hosts);

    private async Task<IReadOnlyList<ClaimedDispatch>> TakeAllAsync(int count, Lane[] busy, params IReadOnlyList<Sender> hosts)
    {
        var taken = new List<ClaimedDispatch>();
        await Eventually.TrueAsync(
            async () =>
            {
                foreach (var host in hosts)
                    taken.AddRange(await host.TakeAsync(busy));
                return taken.Count >= count;
            },
            $"{count} dispatches are taken"
        );
        taken.Count.ShouldBe(count);
        return taken;
    }

    private static Task<IReadOnlyList<ClaimedDispatch>> TakeSomeAsync(Sender host) =>
        Eventually.ValueAsync<IReadOnlyList<ClaimedDispatch>>(
            async () => await host.TakeAsync([]) is { Count: > 0 } taken ? taken : null,
            "something is taken"
        );

    // Long enough for what is on its way to have come.
    private protected async Task NothingIsTakenAsync(params IReadOnlyList<Sender> hosts)
    {
        for (var look = 0; look < 5; look++)
        {
            foreach (var host in hosts)
                (await host.TakeAsync([])).ShouldBeEmpty();
            await Database.ExecuteAsync("select pg_sleep(0.1)");
        }
    }

    /// <summary>A host as far as sending goes.</summary>
    private protected sealed class Sender(TestHost host, IDispatchTransport transport) : IAsyncDisposable
    {
        private readonly Dictionary<string, Guid> claims = new(StringComparer.Ordinal);
        private readonly CancellationTokenSource stopping = new();
        private Lane last;

        public TimeSpan ClaimTime { get; set; }

        public IServiceProvider Services => host.Services;

        public HostLanes Lanes => host.Services.GetRequiredService<HostLanes>();

        private PixelStates States => host.Services.GetRequiredService<PixelStates>();

        public Task StartAsync() => transport.StartAsync(() => { }, stopping.Token);

        /// <summary>It receives and keeps up nothing any more.</summary>
        public Task DieAsync() => stopping.CancelAsync();

        public async Task<IReadOnlyList<ClaimedDispatch>> TakeAsync(IReadOnlyCollection<Lane> busy)
        {
            var now = TimeProvider.System.GetUtcNow();
            var claim = host.Services.GetRequiredService<Ids>().New();
            var taken = await transport.TakeAsync(
                new Take(claim, now, now + ClaimTime, 500, 2000, busy, last, Lanes.Circuits),
                CancellationToken.None
            );
            foreach (var one in taken)
                (claims[one.DispatchId], last) = (claim, one.Lane);
            return taken;
        }

        public async Task ExtendAsync(TimeSpan by)
        {
            foreach (var claim in claims.GroupBy(pair => pair.Value, pair => pair.Key))
                await transport.ExtendAsync(claim.Key, [.. claim], TimeProvider.System.GetUtcNow() + by, CancellationToken.None);
        }

        public Task ConfirmAsync(IReadOnlyList<ClaimedDispatch> taken) =>
            EndAsync(
                taken,
                one => new Attempt.Confirmed(
                    one,
                    new DispatchSucceeded(
                        one.ConversionId,
                        "perfectpay",
                        one.DispatchId,
                        one.PixelId,
                        one.Attempt + 1,
                        200,
                        null,
                        1,
                        [],
                        one.RequestedAt
                    )
                )
            );

        public Task PostponeAsync(IReadOnlyList<ClaimedDispatch> taken, TimeSpan by)
        {
            var due = TimeProvider.System.GetUtcNow() + by;
            return EndAsync(
                taken,
                one => new Attempt.Postponed(
                    one,
                    new DispatchFailed(
                        one.ConversionId,
                        "perfectpay",
                        one.DispatchId,
                        one.PixelId,
                        one.Attempt + 1,
                        503,
                        "transient",
                        2,
                        null,
                        "busy",
                        null,
                        1,
                        due,
                        due
                    ),
                    due,
                    null
                )
            );
        }

        public async Task ReleaseAsync(IReadOnlyList<ClaimedDispatch> taken)
        {
            foreach (var claim in taken.GroupBy(one => claims[one.DispatchId], one => one.DispatchId))
            {
                await host.Services.GetRequiredService<PostgresQueue>().ReleaseAsync(claim.Key, [.. claim], CancellationToken.None);
                await transport.FinishAsync(claim.Key, [.. claim], CancellationToken.None);
            }
        }

        public Task PauseAsync(Lane lane) =>
            States.PauseAsync(
                lane,
                new PixelPaused(lane.PixelId, "token", 400, 190, null, "expired", null, null, TimeProvider.System.GetUtcNow()),
                CancellationToken.None
            );

        public Task<bool> ResumeAsync(Lane lane) => States.ResumeAsync(lane, "command", CancellationToken.None);

        public Task OpenCircuitAsync(Lane lane, TimeSpan? until = null) =>
            States.CircuitAsync(
                lane,
                new CircuitChange("gone", TimeProvider.System.GetUtcNow() + (until ?? TimeSpan.FromHours(1)), true),
                CancellationToken.None
            );

        /// <summary>As whoever queues something does.</summary>
        public async Task CallAsync()
        {
            await using var command = host
                .Services.GetRequiredService<Npgsql.NpgsqlDataSource>()
                .CreateCommand($"select pg_notify('{PostgresQueue.Channel}', '')");
            await command.ExecuteNonQueryAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await stopping.CancelAsync();
            await host.DisposeAsync();
            stopping.Dispose();
        }

        private async Task EndAsync(IReadOnlyList<ClaimedDispatch> taken, Func<ClaimedDispatch, Attempt> end)
        {
            foreach (var claim in taken.GroupBy(one => claims[one.DispatchId]))
            {
                await host
                    .Services.GetRequiredService<RecordAttempts>()
                    .HandleAsync(claim.Key, [.. claim.Select(end)], [], CancellationToken.None);
                await transport.FinishAsync(claim.Key, [.. claim.Select(one => one.DispatchId)], CancellationToken.None);
            }
        }
    }
}

public sealed class PostgresTransportTests : TransportCompliance
{
    private protected override IDispatchTransport TransportOf(IServiceProvider services) =>
        services.GetRequiredService<PostgresTransport>();

    [Fact]
    public async Task What_another_transport_was_handed_is_sent_from_here_after_a_change_of_transport()
    {
        await HostAsync();
        var queued = await QueueAsync(Lane, 7);
        await Database.ExecuteAsync("update dispatch_queue set handed_over_at = now(), due_at = now() + interval '1 hour'");

        var taken = await TakeAllAsync(7, await HostAsync());

        taken.Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
    }
}
