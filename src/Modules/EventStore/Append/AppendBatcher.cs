using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TrackAi.EventStore.Appending;

/// <summary>
/// Group commit. Whoever appends waits for its own append; a writer takes everything that is waiting and commits it in one transaction. A lone
/// append finds an idle writer and goes at once: there is no timer in the way. Two batches are in flight at a time, so that one executes while
/// the other waits for the disk; more join only when those are held up. Whoever was answered usually asks again: a writer lets them come before
/// it takes the next batch, and takes no more than its share, so that the batches of the two are alike.
/// </summary>
internal sealed partial class AppendBatcher(
    NpgsqlDataSource dataSource,
    AppendStatement statement,
    EventStoreOptions options,
    AppendPressure pressure,
    TimeProvider time,
    Action appended,
    ILogger<AppendBatcher> logger
) : IAsyncDisposable
{
    private const int MaxBatchBytes = 8 * 1024 * 1024;
    private static readonly TimeSpan HeldUp = TimeSpan.FromMilliseconds(25);

    private readonly Lock gate = new();
    private readonly LinkedList<PendingAppend> waiting = [];
    private readonly HashSet<StreamId> busyStreams = [];
    private readonly HashSet<(string, string)> busyKeys = [];
    private readonly Dictionary<int, long> startedAt = [];
    private readonly SemaphoreSlim room = new(options.MaxWaitingAppends, options.MaxWaitingAppends);
    private int writers;
    private int collecting;
    private int inFlight;
    private int nextWriter;
    private bool watching;
    private bool closed;
    private TaskCompletionSource? drained;

    public async Task<AppendResult> AppendAsync(PendingAppend append, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        if (!await room.WaitAsync(options.AppendTimeout, cancellationToken))
            throw new EventStoreUnavailableException(
                $"{options.MaxWaitingAppends} appends are waiting for Postgres; none could be taken within {options.AppendTimeout}."
            );
        try
        {
            Enqueue(append);
            var left = options.AppendTimeout - Stopwatch.GetElapsedTime(started);
            var result = await append.Completion.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken);
            EventStoreMetrics.AppendDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
            return result;
        }
        catch (TimeoutException exception)
        {
            Forget(append);
            throw new EventStoreUnavailableException(
                $"The append to {append.Append.Stream} was not confirmed within {options.AppendTimeout}; it may or may not be stored.",
                exception
            );
        }
        catch (OperationCanceledException)
        {
            Forget(append);
            throw;
        }
        finally
        {
            room.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task wait;
        lock (gate)
        {
            closed = true;
            if (writers == 0)
                return;
            drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            wait = drained.Task;
        }
        await wait;
    }

    private void Enqueue(PendingAppend append)
    {
        int? writer = null;
        lock (gate)
        {
            if (closed)
                throw new EventStoreUnavailableException("The event store is shutting down.");
            waiting.AddLast(append);
            // Whoever collects takes it at once.
            if (collecting > 0)
                return;
            if (writers < options.Writers)
                writer = NewWriter();
            else if (!watching)
                StartWatching();
        }
        // On the caller's own thread up to the first wait: a lone append changes no thread on its way to Postgres.
        if (writer is { } number)
            _ = WriteAsync(number);
    }

    private void Forget(PendingAppend append)
    {
        lock (gate)
            waiting.Remove(append);
    }

    private int NewWriter()
    {
        writers++;
        return nextWriter++;
    }

    private void StartWriter()
    {
        var writer = NewWriter();
        _ = Task.Run(() => WriteAsync(writer));
    }

    private void SendForHelp()
    {
        if (writers < options.Writers)
            StartWriter();
        else if (!watching)
            StartWatching();
    }

    private void StartWatching()
    {
        watching = true;
        _ = Task.Run(WatchAsync);
    }

    // Runs only while appends wait and all writers are busy: a batch that is held up must not hold up the others.
    private async Task WatchAsync()
    {
        while (true)
        {
            await Task.Delay(HeldUp, time);
            lock (gate)
            {
                if (waiting.Count == 0 || writers == 0)
                {
                    watching = false;
                    return;
                }
                if (
                    writers < options.MaxWriters
                    && startedAt.Count == writers
                    && startedAt.Values.All(start => time.GetElapsedTime(start) > HeldUp)
                )
                    StartWriter();
            }
        }
    }

    private async Task WriteAsync(int writer)
    {
        var isCollecting = false;
        while (true)
        {
            List<PendingAppend> batch;
            lock (gate)
            {
                if (isCollecting)
                    collecting--;
                batch = Take();
                if (batch.Count == 0)
                {
                    writers--;
                    if (writers == 0)
                        drained?.TrySetResult();
                    return;
                }
                inFlight += batch.Count;
                startedAt[writer] = time.GetTimestamp();
                if (waiting.Count > 0)
                    SendForHelp();
            }

            try
            {
                await CommitAsync(batch);
            }
            catch (Exception exception)
            {
                // Nobody expected it; a writer that dies of it would leave its streams busy for ever.
                LogDied(logger, batch.Count, exception);
                foreach (var append in batch)
                    append.Fail(
                        new EventStoreUnavailableException(
                            $"The append to {append.Append.Stream} ended by an unexpected error; it may or may not be stored.",
                            exception
                        )
                    );
            }

            isCollecting = batch.Count > 1;
            lock (gate)
            {
                startedAt.Remove(writer);
                inFlight -= batch.Count;
                foreach (var done in batch)
                    Release(done.Append);
                if (isCollecting)
                    collecting++;
            }
            if (isCollecting)
                await AfterAnswersAsync();
        }
    }

    // Behind the answers in the thread pool's queue.
    private static Task AfterAnswersAsync()
    {
        var answered = new TaskCompletionSource();
        ThreadPool.UnsafeQueueUserWorkItem(static source => source.SetResult(), answered, preferLocal: false);
        return answered.Task;
    }

    // A stream or a key that is in flight waits for the next batch: Postgres would only make its neighbours wait for it.
    private List<PendingAppend> Take()
    {
        pressure.Note(waiting.Count + inFlight);
        var share = Math.Min(options.MaxBatch, (waiting.Count + inFlight + options.Writers - 1) / options.Writers);
        var batch = new List<PendingAppend>(Math.Min(waiting.Count, share));
        var bytes = 0;
        for (var node = waiting.First; node is not null && batch.Count < share && bytes < MaxBatchBytes; )
        {
            var next = node.Next;
            if (IsFree(node.Value.Append))
            {
                Occupy(node.Value.Append);
                batch.Add(node.Value);
                bytes += node.Value.Bytes;
                waiting.Remove(node);
            }
            node = next;
        }

        // One order for everybody, so that two batches never wait for each other.
        batch.Sort(
            static (left, right) =>
                string.CompareOrdinal(left.Append.Stream.TenantId, right.Append.Stream.TenantId) is var tenant && tenant != 0
                    ? tenant
                    : string.CompareOrdinal(left.Append.Stream.Id, right.Append.Stream.Id)
        );
        return batch;
    }

    private bool IsFree(Append append) =>
        !busyStreams.Contains(append.Stream)
        && (append.UniqueKeys.Count == 0 || append.UniqueKeys.All(key => !busyKeys.Contains((append.Stream.TenantId, key))));

    private void Occupy(Append append)
    {
        busyStreams.Add(append.Stream);
        foreach (var key in append.UniqueKeys)
            busyKeys.Add((append.Stream.TenantId, key));
    }

    private void Release(Append append)
    {
        busyStreams.Remove(append.Stream);
        foreach (var key in append.UniqueKeys)
            busyKeys.Remove((append.Stream.TenantId, key));
    }

    private async Task CommitAsync(IReadOnlyList<PendingAppend> batch, int attempt = 1)
    {
        AppendResult[] results;
        try
        {
            await using var connection = await dataSource.OpenConnectionAsync();
            results = await statement.ExecuteAsync(connection, batch, time.GetUtcNow(), mayStart: attempt == 1, CancellationToken.None);
            for (var index = 0; index < batch.Count; index++)
                if (batch[index].WasRetried)
                    results[index] = await AppendStatement.RecogniseAsync(connection, batch[index], results[index]);
        }
        // Lost a race against another process, or a stream that was to be started is there; the next look finds its rows.
        catch (PostgresException exception)
            when (exception.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DeadlockDetected && attempt < 4)
        {
            await CommitAsync(batch, attempt + 1);
            return;
        }
        catch (PostgresException exception) when (!IsOutage(exception))
        {
            await CommitApartAsync(batch, exception);
            return;
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or IOException)
        {
            await RetryOrFailAsync(batch, exception);
            return;
        }
        catch (Exception exception)
        {
            await CommitApartAsync(batch, exception);
            return;
        }

        // Committed: whatever goes wrong from here on must not commit it again.
        try
        {
            appended();
        }
        finally
        {
            for (var index = 0; index < batch.Count; index++)
                batch[index].Complete(results[index], alone: batch.Count == 1);
        }
        EventStoreMetrics.BatchSize.Record(batch.Count);
        EventStoreMetrics.Appended.Add(
            results.Zip(batch).Where(pair => pair.First is AppendResult.Appended).Sum(pair => pair.Second.Events.Count)
        );
    }

    // One caller's bad append is its own affair: the others go again without it.
    private async Task CommitApartAsync(IReadOnlyList<PendingAppend> batch, Exception exception)
    {
        if (batch.Count > 1)
        {
            LogSplit(logger, batch.Count, exception);
            foreach (var append in batch)
                await CommitAsync([append]);
            return;
        }

        LogFailed(logger, batch[0].Append.Stream, exception);
        batch[0]
            .Fail(
                exception is InvalidAppendException
                    ? exception
                    : new InvalidAppendException($"Postgres refuses the append to {batch[0].Append.Stream}: {exception.Message}", exception)
            );
    }

    // The connection broke: whether the commit happened is unknown. Only what is guarded against being done twice may be tried again.
    private async Task RetryOrFailAsync(IReadOnlyList<PendingAppend> batch, Exception exception)
    {
        dataSource.Clear();
        var again = batch.Where(append => append.IsGuarded && append.MayRetry(time, options.RetryTime)).ToArray();
        foreach (var append in batch.Except(again))
            append.Fail(
                new EventStoreUnavailableException(
                    $"Postgres did not confirm the append to {append.Append.Stream}: {exception.Message}",
                    exception
                )
            );
        LogUnavailable(logger, batch.Count, again.Length, exception);
        if (again.Length == 0)
            return;

        await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(400, 10 * Math.Pow(2, again[0].Retries))), time);
        await CommitAsync(again);
    }

    private static bool IsOutage(PostgresException exception) =>
        exception.IsTransient
        || exception.SqlState.StartsWith("57P", StringComparison.Ordinal)
        || exception.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction;

    [LoggerMessage(
        1001,
        LogLevel.Warning,
        "A batch of {Count} appends failed and is committed one by one, so that only the culprit fails."
    )]
    private static partial void LogSplit(ILogger logger, int count, Exception exception);

    [LoggerMessage(1002, LogLevel.Error, "The append to {Stream} was refused by Postgres; its caller was told.")]
    private static partial void LogFailed(ILogger logger, StreamId stream, Exception exception);

    [LoggerMessage(
        1003,
        LogLevel.Error,
        "Postgres did not confirm a batch of {Count} appends; {Retried} guarded ones are tried again, the callers of the others were told. Check that Postgres is up."
    )]
    private static partial void LogUnavailable(ILogger logger, int count, int retried, Exception exception);

    [LoggerMessage(
        1004,
        LogLevel.Error,
        "A batch of {Count} appends ended by an error nobody expected; callers not answered yet were told."
    )]
    private static partial void LogDied(ILogger logger, int count, Exception exception);
}
