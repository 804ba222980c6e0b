using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.FeatureManagement;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dispatch.Lanes;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>
/// Takes what is due off the queue, lane by lane, and lets it go on its way, several requests at a time. What it holds when it is stopped is
/// finished first; what it holds when it is killed comes back by itself, under the same event_id.
/// </summary>
internal sealed partial class DispatchWorker(
    IDispatchTransport transport,
    PrepareDispatches prepare,
    RecordAttempts record,
    SendLane send,
    HostLanes lanes,
    Claims claims,
    PostgresSignals signals,
    Ids ids,
    IFeatureDefinitionProvider flags,
    IFeatureManager features,
    DispatchOptions options,
    TimeProvider time,
    ILogger<DispatchWorker> logger
) : BackgroundService
{
    private const string Flag = "circuit_breaker";
    private static readonly TimeSpan AfterError = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim called = new(0, 1);
    private int underWay;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        signals.Subscribe(PostgresQueue.Channel, _ => Call());
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunWorker)
            return;
        DispatchMetrics.Gauge(
            "trackai.dispatch.circuits_open",
            "{circuit}",
            "Pixels whose circuit is open at this host.",
            () => lanes.OpenCircuits
        );
        try
        {
            await StartTransportAsync(stoppingToken);
            using var stopped = new CancellationTokenSource();
            var keeping = claims.KeepUpAsync(stopped.Token);
            try
            {
                await TakeForeverAsync(stoppingToken);
            }
            finally
            {
                await FinishAsync();
                await stopped.CancelAsync();
                await keeping;
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Everything that was on its way is recorded.
        }
    }

    private async Task TakeForeverAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            lanes.Circuits = await IsOnAsync();
            if (lanes.Room > 0 && await TakeAsync(stoppingToken))
                continue;
            var pause = lanes.Room > 0 ? await PauseAsync(stoppingToken) : options.PollingTime;
            await called.WaitAsync(pause, stoppingToken);
        }
    }

    private async Task StartTransportAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await transport.StartAsync(Call, stoppingToken);
                return;
            }
            catch (Exception exception) when (IsTrouble(exception))
            {
                LogQueueUnavailable(logger, exception);
                await Task.Delay(AfterError, time, stoppingToken);
            }
        }
    }

    /// <summary>Claims what is due and lets it go on its way; false when there is nothing.</summary>
    private async Task<bool> TakeAsync(CancellationToken stoppingToken)
    {
        try
        {
            var claim = ids.New();
            var now = time.GetUtcNow();
            var take = new Take(
                claim,
                now,
                now + options.ClaimTime,
                Math.Min(options.BatchSize, lanes.Most),
                lanes.Most,
                lanes.Busy,
                lanes.Last,
                lanes.Circuits
            );
            var claimed = await transport.TakeAsync(take, stoppingToken);
            if (claimed.Count == 0)
                return false;

            foreach (var lane in claimed.Select(one => one.Lane).Distinct())
                lanes.Enter(lane);
            claims.Add(claim, claimed);
            Interlocked.Increment(ref underWay);
            // Not cancelled by the stop: what was sent must be recorded.
            _ = Task.Run(() => DispatchAsync(claim, claimed), CancellationToken.None);
            return true;
        }
        catch (Exception exception) when (IsTrouble(exception))
        {
            LogQueueUnavailable(logger, exception);
            await Task.Delay(AfterError, time, stoppingToken);
            return true;
        }
    }

    private async Task DispatchAsync(Guid claim, IReadOnlyList<ClaimedDispatch> claimed)
    {
        try
        {
            var preparation = await PrepareAsync(claim, claimed);
            var ready = preparation.ToSend.ToLookup(dispatch => dispatch.Claimed.Lane);
            await Task.WhenAll(
                claimed.GroupBy(one => one.Lane).Select(lane => DispatchLaneAsync(claim, lane.Key, [.. lane], [.. ready[lane.Key]]))
            );
        }
        finally
        {
            claims.Remove(claim);
            Interlocked.Decrement(ref underWay);
            Call();
        }
    }

    private async Task DispatchLaneAsync(
        Guid claim,
        Lane lane,
        IReadOnlyList<ClaimedDispatch> claimed,
        IReadOnlyList<PreparedDispatch> ready
    )
    {
        try
        {
            if (ready.Count > 0)
                await send.HandleAsync(claim, lane, ready);
            string[] done = [.. claimed.Select(one => one.DispatchId)];
            claims.Finish(claim, done);
            await transport.FinishAsync(claim, done, CancellationToken.None);
        }
        catch (Exception exception)
        {
            // The claim ends by itself, and the dispatches are tried again under the same ids.
            LogBatchFailed(logger, claimed.Count, options.ClaimTime, exception);
        }
        finally
        {
            lanes.Leave(lane);
            Call();
        }
    }

    /// <summary>What ends without Meta is recorded here.</summary>
    private async Task<Preparation> PrepareAsync(Guid claim, IReadOnlyList<ClaimedDispatch> claimed)
    {
        try
        {
            var preparation = await PrepareEachAsync(claimed);
            await record.HandleAsync(claim, preparation.Ended, preparation.AlreadyConfirmed, CancellationToken.None);
            return preparation;
        }
        catch (Exception exception)
        {
            LogBatchFailed(logger, claimed.Count, options.ClaimTime, exception);
            return new Preparation([], [], []);
        }
    }

    // What cannot be read is given up for itself alone: its neighbours must not come back with it for ever.
    private async Task<Preparation> PrepareEachAsync(IReadOnlyList<ClaimedDispatch> claimed)
    {
        try
        {
            return await prepare.HandleAsync(claimed, CancellationToken.None);
        }
        catch (Exception exception) when (!IsTrouble(exception))
        {
            if (claimed is [var lone])
                return new Preparation([], [Unreadable(lone, exception)], []);
            var half = claimed.Count / 2;
            var first = await PrepareEachAsync([.. claimed.Take(half)]);
            var second = await PrepareEachAsync([.. claimed.Skip(half)]);
            return new Preparation(
                [.. first.ToSend, .. second.ToSend],
                [.. first.Ended, .. second.Ended],
                [.. first.AlreadyConfirmed, .. second.AlreadyConfirmed]
            );
        }
    }

    private Attempt.GivenUp Unreadable(ClaimedDispatch claimed, Exception exception)
    {
        LogUnreadable(logger, claimed.DispatchId, claimed.TenantId, exception);
        // A conversion's id starts with its gateway; nothing else of it may be readable.
        var gateway = claimed.ConversionId.Split('-')[0];
        var failure = Failure.WithoutAsking($"The sale cannot be read ({exception.GetType().Name}); the log says more.");
        return Attempt.Dead(claimed, gateway, "unreadable", failure, time.GetUtcNow());
    }

    private async Task<TimeSpan> PauseAsync(CancellationToken stoppingToken)
    {
        try
        {
            var due = await transport.ReadNextDueAsync(lanes.Busy, lanes.Circuits, stoppingToken) - time.GetUtcNow();
            return due < TimeSpan.Zero ? TimeSpan.Zero
                : due < options.PollingTime ? due.Value
                : options.PollingTime;
        }
        catch (Exception exception) when (IsTrouble(exception))
        {
            LogQueueUnavailable(logger, exception);
            return AfterError;
        }
    }

    // A flag that nobody defined is on.
    private async Task<bool> IsOnAsync() => await flags.GetFeatureDefinitionAsync(Flag) is null || await features.IsEnabledAsync(Flag);

    private async Task FinishAsync()
    {
        if (Volatile.Read(ref underWay) is var batches and > 0)
            LogStopping(logger, batches);
        while (Volatile.Read(ref underWay) > 0)
            await called.WaitAsync(AfterError);
    }

    private void Call()
    {
        lock (called)
            if (called.CurrentCount == 0)
                called.Release();
    }

    private static bool IsTrouble(Exception exception) => exception is NpgsqlException or IOException or TimeoutException;

    [LoggerMessage(2001, LogLevel.Information, "Finishing {Batches} batches on their way to Meta.")]
    private static partial void LogStopping(ILogger logger, int batches);

    [LoggerMessage(2002, LogLevel.Warning, "The dispatch queue cannot be read; trying again. Check that Postgres is up.")]
    private static partial void LogQueueUnavailable(ILogger logger, Exception exception);

    [LoggerMessage(
        2003,
        LogLevel.Error,
        "A batch of {Count} dispatches could not be prepared or recorded; it is tried again under the same ids in {ClaimTime}."
    )]
    private static partial void LogBatchFailed(ILogger logger, int count, TimeSpan claimTime, Exception exception);

    [LoggerMessage(
        2005,
        LogLevel.Error,
        "Dispatch {DispatchId} of tenant {Tenant} cannot be read and is a dead letter; the others of its batch go on."
    )]
    private static partial void LogUnreadable(ILogger logger, string dispatchId, string tenant, Exception exception);
}
