using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore.Running;

/// <summary>Keeps the high-water mark of this process up to date: looks when called, and now and then on its own.</summary>
internal sealed partial class LogPosition(
    NpgsqlDataSource dataSource,
    EventStoreOptions options,
    TimeProvider time,
    ILogger<LogPosition> logger
)
{
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan WhileAppending = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan PersistEvery = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim called = new(0, 1);
    private TaskCompletionSource moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long mark;
    private long persisted = -1;
    private long persistedAt;
    private long highest;
    private long movedAt = time.GetTimestamp();

    public long Mark => Volatile.Read(ref mark);

    /// <summary>The highest number drawn: where the mark will be once those who append now have ended.</summary>
    public long Highest => Volatile.Read(ref highest);

    public void Call()
    {
        lock (called)
            if (called.CurrentCount == 0)
                called.Release();
    }

    /// <summary>Waits until the mark is beyond a position; gives up quietly after a while, so that its caller can look after other things.</summary>
    public async Task WaitBeyondAsync(long position, TimeSpan atMost, CancellationToken cancellationToken)
    {
        var wait = Volatile.Read(ref moved).Task;
        if (Mark > position)
            return;
        try
        {
            await wait.WaitAsync(atMost, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return;
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var pause = options.PollingTime;
            var looked = time.GetTimestamp();
            try
            {
                await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
                var (now, drawn) = await HighWaterMark.ReadAsync(connection, cancellationToken);
                Volatile.Write(ref highest, drawn);
                if (now > Mark || now == drawn)
                    movedAt = time.GetTimestamp();
                else if (time.GetElapsedTime(movedAt) > LogHolder.Patience)
                    await TellAsync(connection, now, drawn, cancellationToken);
                if (now > Mark)
                {
                    Volatile.Write(ref mark, now);
                    Interlocked.Exchange(ref moved, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
                }
                if (Mark != persisted && time.GetElapsedTime(persistedAt) >= PersistEvery)
                    await PersistAsync(connection, cancellationToken);
                // Whoever is between drawing a number and its commit will call when it is ours; another host's notification may be lost.
                if (drawn > now)
                    pause = WhileAppending;
                else if (Mark != persisted)
                    pause = PersistEvery;
            }
            // Whatever it was: if this loop ended, every projection would wait for ever.
            catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                LogFailed(logger, exception);
                pause = TimeSpan.FromMilliseconds(500);
            }

            await called.WaitAsync(pause, cancellationToken);
            // One look answers all calls of this while; the first call after a quiet time does not wait.
            if (time.GetElapsedTime(looked) is var since && since < Gap)
                await Task.Delay(Gap - since, time, cancellationToken);
        }
    }

    // Again and again, as long as it lasts.
    private async Task TellAsync(NpgsqlConnection connection, long now, long drawn, CancellationToken cancellationToken)
    {
        if (await LogHolder.ReadAsync(connection, cancellationToken) is not { Hangs: true } holder)
            return;
        LogHeld(logger, now, drawn, holder.Pid, holder.Application, holder.State, holder.For);
        movedAt = time.GetTimestamp();
    }

    private async Task PersistAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var now = Mark;
        await using var update = new NpgsqlCommand(
            """
            insert into mt_event_progression (name, last_seq_id) values ('HighWaterMark', $1)
            on conflict on constraint pk_mt_event_progression
            do update set last_seq_id = excluded.last_seq_id, last_updated = transaction_timestamp()
            where mt_event_progression.last_seq_id < excluded.last_seq_id
            """,
            connection
        )
        {
            Parameters = { new() { Value = now } },
        };
        await update.ExecuteNonQueryAsync(cancellationToken);
        persisted = now;
        persistedAt = time.GetTimestamp();
    }

    [LoggerMessage(
        1021,
        LogLevel.Warning,
        "The log is read up to {Mark} only, of {Highest}: the Postgres session {Pid} ({Application}, {State}) has been appending for {Elapsed} and did not end. Nothing after it is matched or sent until it does. If it hangs: select pg_terminate_backend({Pid})."
    )]
    private static partial void LogHeld(
        ILogger logger,
        long mark,
        long highest,
        int pid,
        string? application,
        string? state,
        TimeSpan? elapsed
    );

    [LoggerMessage(1020, LogLevel.Warning, "The log's high-water mark could not be read; projections wait. Check that Postgres is up.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
