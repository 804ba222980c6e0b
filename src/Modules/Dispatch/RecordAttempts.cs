using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>Writes what became of attempts: the facts in the log and the queue's rows, in one transaction.</summary>
internal sealed class RecordAttempts(PostgresEventStore store, TimeProvider time)
{
    // Meta's word must not be lost to a moment without Postgres: it would be asked again.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    public async Task HandleAsync(
        Guid claim,
        IReadOnlyList<Attempt> attempts,
        IReadOnlyList<ClaimedDispatch> alreadyConfirmed,
        CancellationToken cancellationToken
    )
    {
        if (attempts.Count == 0 && alreadyConfirmed.Count == 0)
            return;

        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                await RecordAsync(claim, attempts, alreadyConfirmed, cancellationToken);
                return;
            }
            catch (Exception exception)
                when (exception is NpgsqlException or IOException or TimeoutException && time.GetElapsedTime(started) < Patience)
            {
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
    }

    private async Task RecordAsync(
        Guid claim,
        IReadOnlyList<Attempt> attempts,
        IReadOnlyList<ClaimedDispatch> alreadyConfirmed,
        CancellationToken cancellationToken
    )
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        var confirmed = attempts.OfType<Attempt.Confirmed>().ToArray();
        var postponed = attempts.OfType<Attempt.Postponed>().ToArray();
        var givenUp = attempts.OfType<Attempt.GivenUp>().ToArray();

        var recorded = new HashSet<string>(StringComparer.Ordinal);
        if (confirmed.Length + alreadyConfirmed.Count > 0)
            recorded.UnionWith(
                await PostgresQueue.RemoveConfirmedAsync(
                    session.Connection,
                    confirmed.Select(attempt => attempt.Claimed.DispatchId).Concat(alreadyConfirmed.Select(one => one.DispatchId)),
                    cancellationToken
                )
            );
        if (postponed.Length > 0)
            recorded.UnionWith(
                await PostgresQueue.PostponeAsync(
                    session.Connection,
                    claim,
                    [.. postponed.Select(attempt => new Postponed(attempt.Claimed.DispatchId, attempt.DueAt, attempt.UnknownSince))],
                    cancellationToken
                )
            );
        if (givenUp.Length > 0)
            recorded.UnionWith(
                await PostgresQueue.GiveUpAsync(
                    session.Connection,
                    claim,
                    [
                        .. givenUp.Select(attempt => new GivenUp(
                            attempt.Claimed.DispatchId,
                            attempt.Reason,
                            attempt.Error,
                            attempt.UnknownSince
                        )),
                    ],
                    time.GetUtcNow(),
                    cancellationToken
                )
            );

        // Whose row is gone or claimed by another was recorded, or will be, by that other.
        foreach (var attempt in attempts.Where(attempt => recorded.Contains(attempt.Claimed.DispatchId)))
            session.Append(
                new Append(new StreamId(attempt.Claimed.TenantId, Streams.Conversion(attempt.Claimed.ConversionId)), [attempt.Fact])
                {
                    CorrelationId = attempt.Claimed.RedriveId is { } redrive ? $"{redrive}" : null,
                    UnlessArchived = true,
                }
            );
        await session.CommitAsync(cancellationToken);
    }
}
