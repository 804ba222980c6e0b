using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.EventStore.Appending;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore.Running;

/// <summary>
/// Moves one shard forward while its lease is held. A page, what its handler wrote and appended, and the progress commit together. An event that
/// cannot be handled stops the shard there, loudly; the others go on.
/// </summary>
internal sealed partial class ShardRunner(
    Shard shard,
    PostgresEventStore store,
    ShardTable table,
    LogTail tail,
    BulkReader bulk,
    LogPosition log,
    AppendPressure pressure,
    TimeProvider time,
    ILogger logger
)
{
    private const int Attempts = 3;
    private static readonly TimeSpan Idle = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PersistEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Blocked = TimeSpan.FromSeconds(1);

    // A shard that may rest works a fifth of the time.
    private const int RestPerWork = 4;

    private long position;
    private long persisted;
    private long? skip;
    private bool pagesFail;
    private long persistedAt = time.GetTimestamp();
    private string? skipError;
    private long caughtUpAt = time.GetTimestamp();

    /// <summary>Runs until the lease is lost (the token ends) or the shard is paused or stopped.</summary>
    public async Task RunAsync(long token, CancellationToken leaseLost)
    {
        using var lag = EventStoreMetrics.Watch(ReadLag);
        var failures = 0;
        while (!leaseLost.IsCancellationRequested)
        {
            try
            {
                var state = await table.ReadAsync(shard.Name, leaseLost);
                (position, persisted, skip, skipError) = (state.Progress, state.Progress, state.SkipSequence, state.SkipError);
                if (state.State != "running")
                {
                    await Task.Delay(Blocked, time, leaseLost);
                    continue;
                }

                await AdvanceAsync(token, () => failures = 0, leaseLost);
            }
            catch (OperationCanceledException) when (leaseLost.IsCancellationRequested)
            {
                return;
            }
            catch (ShardLostException exception)
            {
                LogLost(logger, shard.Name, exception.Message);
                await Task.Delay(Idle, time, leaseLost);
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
            {
                var pause = TimeSpan.FromMilliseconds(Math.Min(5000, 50 * Math.Pow(2, failures++)));
                LogRetry(logger, shard.Name, position, pause, exception);
                await Task.Delay(pause, time, leaseLost);
            }
        }
    }

    private async Task AdvanceAsync(long token, Action succeeded, CancellationToken leaseLost)
    {
        pagesFail = false;
        while (!leaseLost.IsCancellationRequested)
        {
            var mark = log.Mark;
            if (mark <= position)
            {
                if (persisted < position)
                {
                    await log.WaitBeyondAsync(position, Idle, leaseLost);
                    if (log.Mark <= position)
                        await ApplyAsync([], position, token, leaseLost);
                }
                else
                {
                    await log.WaitBeyondAsync(position, Timeout.InfiniteTimeSpan, leaseLost);
                }
                caughtUpAt = time.GetTimestamp();
                continue;
            }

            await pressure.LetCallersGoFirstAsync(caughtUpAt, leaseLost);
            var looked = time.GetTimestamp();
            mark = log.Mark;
            if (shard.InBulk is { } projection && mark - position > BulkReader.PageSize && skip is null && !pagesFail)
            {
                await CatchUpAsync(projection, mark, token, leaseLost);
                continue;
            }

            var started = time.GetTimestamp();
            var (page, ceiling) = await tail.ReadAsync(position, mark, shard.Types, leaseLost);
            // Others' events are passed over without a write each, but what is told of our progress stays true to half a second.
            if (page.Count == 0 && ceiling - persisted < 10_000 && time.GetElapsedTime(persistedAt) < PersistEvery)
                position = ceiling;
            else if (!await TryApplyAsync(page, ceiling, token, leaseLost))
                return;
            else if (ceiling >= mark)
            {
                caughtUpAt = looked;
                await RestAsync(time.GetElapsedTime(started), leaseLost);
            }
            succeeded();
        }
    }

    // What comes meanwhile is one page instead of many; the first page after a quiet time never waited.
    private async Task RestAsync(TimeSpan worked, CancellationToken leaseLost)
    {
        var rest = worked * RestPerWork;
        if (rest > shard.LongestRest)
            rest = shard.LongestRest;
        if (rest > TimeSpan.Zero)
            await Task.Delay(rest, time, leaseLost);
    }

    private async Task CatchUpAsync(IProjection projection, long mark, long token, CancellationToken leaseLost)
    {
        try
        {
            await foreach (var page in bulk.ReadAsync(projection, position, mark, skipped: true, leaseLost))
                await ApplyAsync(session => page.ApplyAsync(session.Connection, leaseLost), page.Ceiling, token, leaseLost);
        }
        catch (Exception exception) when (Faults.AreOfTheCode(exception))
        {
            await KeepAsync(token, leaseLost);
            // The small pages find the culprit.
            pagesFail = true;
            LogIsolating(logger, shard.Name, BulkReader.PageSize, exception);
        }
    }

    private async Task<bool> TryApplyAsync(IReadOnlyList<RecordedEvent> page, long ceiling, long token, CancellationToken leaseLost)
    {
        try
        {
            await ApplyAsync(page, ceiling, token, leaseLost);
            return true;
        }
        catch (Exception exception) when (Faults.AreOfTheCode(exception))
        {
            await KeepAsync(token, leaseLost);
            LogIsolating(logger, shard.Name, page.Count, exception);
            return await ApplyOneByOneAsync(page, ceiling, token, leaseLost);
        }
    }

    // Another host, or a rebuild, may have written the page meanwhile: then it is the page that is outdated, and no event is to blame.
    private async Task KeepAsync(long token, CancellationToken leaseLost)
    {
        if (!await table.IsHeldAsync(shard.Name, token, leaseLost))
            throw new ShardLostException(shard.Name);
    }

    private async Task<bool> ApplyOneByOneAsync(IReadOnlyList<RecordedEvent> page, long ceiling, long token, CancellationToken leaseLost)
    {
        foreach (var one in page)
        {
            var recorded = one;
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    await ApplyAsync([recorded], recorded.Sequence, token, leaseLost);
                    break;
                }
                catch (Exception exception) when (Faults.AreOfTheCode(exception))
                {
                    if (attempt < Attempts)
                    {
                        // Whoever resumed the shard may have mended the event since the tail read it.
                        recorded = await tail.ReadAgainAsync(recorded, leaseLost);
                        continue;
                    }
                    await table.StopAsync(shard.Name, token, recorded, exception, leaseLost);
                    EventStoreMetrics.Poisoned.Add(1, new KeyValuePair<string, object?>("projection", shard.Name));
                    LogStopped(logger, shard.Name, recorded.Sequence, recorded.Type, recorded.Stream, exception);
                    return false;
                }
            }
        }

        await ApplyAsync([], ceiling, token, leaseLost);
        return true;
    }

    private async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, long ceiling, long token, CancellationToken cancellationToken)
    {
        if (events.Count == 0 && ceiling == persisted)
            return;
        var skipped = skip is { } sequence ? events.FirstOrDefault(recorded => recorded.Sequence == sequence) : null;
        await ApplyAsync(HandleAsync, ceiling, token, cancellationToken);
        if (skipped is not null)
            skip = null;

        async Task<long> HandleAsync(EventSession session)
        {
            if (skipped is not null)
            {
                await DeadLetters.WriteAsync(session.Connection, shard.Name, skipped, skipError, time, cancellationToken);
                await ShardTable.SkippedAsync(session.Connection, shard.Name, cancellationToken);
            }

            var handled = skipped is null ? events : [.. events.Where(recorded => recorded != skipped)];
            if (handled.Count > 0)
                await shard.ApplyAsync(handled, session, cancellationToken);
            return handled.Count;
        }
    }

    private async Task ApplyAsync(Func<EventSession, Task<long>> handleAsync, long ceiling, long token, CancellationToken cancellationToken)
    {
        using var activity = EventStoreMetrics.Activities.StartActivity("trackai.projection.page");
        await using var session = await store.OpenSessionAsync(cancellationToken);
        await ShardTable.EnterAsync(session.Connection, shard.Name, token, cancellationToken);
        var count = await handleAsync(session);
        activity?.SetTag("projection", shard.Name)?.SetTag("events", count);
        await session.FlushAsync(cancellationToken);
        await ShardTable.MoveAsync(session.Connection, shard.Name, token, persisted, ceiling, cancellationToken);
        await session.CommitAsync(cancellationToken);

        position = persisted = ceiling;
        persistedAt = time.GetTimestamp();
        EventStoreMetrics.Processed.Add(count, new KeyValuePair<string, object?>("projection", shard.Name));
    }

    private ShardLag ReadLag()
    {
        // What hangs before the mark is behind, too.
        var lag = Math.Max(0, Math.Max(log.Mark, log.Highest) - position);
        return new ShardLag(shard.Name, lag, lag == 0 ? TimeSpan.Zero : time.GetElapsedTime(caughtUpAt));
    }

    [LoggerMessage(1030, LogLevel.Information, "{Shard}: {Reason}")]
    private static partial void LogLost(ILogger logger, string shard, string reason);

    [LoggerMessage(1031, LogLevel.Warning, "{Shard} stands at {Position} and tries again in {Pause}: Postgres did not answer.")]
    private static partial void LogRetry(ILogger logger, string shard, long position, TimeSpan pause, Exception exception);

    [LoggerMessage(
        1032,
        LogLevel.Warning,
        "{Shard}: a page of {Count} events failed and was rolled back; applying them one by one to find the culprit."
    )]
    private static partial void LogIsolating(ILogger logger, string shard, int count, Exception exception);

    [LoggerMessage(
        1033,
        LogLevel.Critical,
        "{Shard} STOPPED at event {Sequence} ({Type}, stream {Stream}). Mend the code and run 'projections resume', or step over it with 'projections skip'."
    )]
    private static partial void LogStopped(ILogger logger, string shard, long sequence, string type, StreamId stream, Exception exception);
}
