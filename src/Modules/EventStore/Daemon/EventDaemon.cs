using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.EventStore.Appending;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore.Running;

/// <summary>
/// Runs every shard whose lease this host holds. Any number of hosts may run it: each takes the shards that are free, and those of a host that
/// stopped renewing.
/// </summary>
internal sealed partial class EventDaemon(
    IReadOnlyList<Shard> shards,
    PostgresEventStore store,
    ShardTable table,
    LogTail tail,
    BulkReader bulk,
    LogPosition log,
    AppendPressure pressure,
    WakeUp wakeUp,
    PostgresSignals signals,
    EventStoreOptions options,
    TimeProvider time,
    ILogger<EventDaemon> logger
) : BackgroundService
{
    private readonly string owner = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.CreateVersion7(time.GetUtcNow()):N}";
    private readonly Dictionary<string, RunningShard> running = new(StringComparer.Ordinal);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        wakeUp.Subscribe(log.Call);
        signals.Subscribe(WakeUp.Channel, _ => log.Call());
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunDaemon || shards.Count == 0)
            return;

        var watching = log.RunAsync(stoppingToken);
        try
        {
            while (true)
            {
                await LeaseAsync(stoppingToken);
                await Task.Delay(options.LeaseRenewal, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopping(logger, running.Count);
        }

        // What is still appended here is for whoever runs the shards next.
        wakeUp.OthersRun = true;
        await Task.WhenAll(running.Values.Select(shard => shard.Task));
        await watching.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await ReleaseAsync();
    }

    private async Task LeaseAsync(CancellationToken stoppingToken)
    {
        try
        {
            var asked = time.GetTimestamp();
            var held = await table.LeaseAsync(owner, [.. shards.Select(shard => shard.Name)], stoppingToken);
            wakeUp.OthersRun = held.Count < shards.Count;
            foreach (var shard in shards)
                Follow(shard, held.TryGetValue(shard.Name, out var token) ? token : null, asked, stoppingToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            // Not renewed in time, a lease ends by itself: its fencing token keeps us from writing after that.
            wakeUp.OthersRun = true;
            LogNotRenewed(logger, exception);
        }
    }

    private void Follow(Shard shard, long? token, long asked, CancellationToken stoppingToken)
    {
        var current = running.GetValueOrDefault(shard.Name);
        if (current is not null && current.Token == token && !current.Task.IsCompleted)
            return;
        if (current is not null)
        {
            current.Stop.Cancel();
            running.Remove(shard.Name);
        }
        if (token is not { } fresh)
            return;

        LogTaken(logger, shard.Name, fresh, time.GetElapsedTime(asked));
        var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var runner = new ShardRunner(shard, store, table, tail, bulk, log, pressure, time, logger);
        running[shard.Name] = new RunningShard(
            fresh,
            stop,
            Task.Run(() => RunAsync(runner, shard.Name, fresh, stop.Token), CancellationToken.None)
        );
    }

    private async Task RunAsync(ShardRunner runner, string shard, long token, CancellationToken stop)
    {
        try
        {
            await runner.RunAsync(token, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
        catch (Exception exception)
        {
            // The next renewal starts it again.
            LogDied(logger, shard, exception);
        }
    }

    private async Task ReleaseAsync()
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), time);
            await table.ReleaseAsync(owner, patience.Token);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException or OperationCanceledException)
        {
            LogNotRenewed(logger, exception);
        }
    }

    private sealed record RunningShard(long Token, CancellationTokenSource Stop, Task Task);

    [LoggerMessage(1040, LogLevel.Information, "Runs {Shard} from now on (token {Token}, asked for {Elapsed}).")]
    private static partial void LogTaken(ILogger logger, string shard, long token, TimeSpan elapsed);

    [LoggerMessage(1041, LogLevel.Warning, "The leases of projections and subscriptions could not be renewed; another host may take them.")]
    private static partial void LogNotRenewed(ILogger logger, Exception exception);

    [LoggerMessage(1042, LogLevel.Error, "{Shard} ended by an error nobody expected; it is started again.")]
    private static partial void LogDied(ILogger logger, string shard, Exception exception);

    [LoggerMessage(
        1043,
        LogLevel.Information,
        "Stopping {Count} projections and subscriptions; what they had not committed is done by whoever runs them next."
    )]
    private static partial void LogStopping(ILogger logger, int count);
}
