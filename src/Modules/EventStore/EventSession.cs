using Npgsql;
using TrackAi.EventStore.Appending;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore;

/// <summary>
/// A transaction with the log: what is written through <see cref="Connection"/> and what is appended commit together or not at all. Appends
/// are held until the commit, because the log's readers wait for whoever has drawn a number. No HTTP in here.
/// </summary>
public sealed class EventSession : IAsyncDisposable
{
    private readonly NpgsqlTransaction transaction;
    private readonly AppendStatement statement;
    private readonly EventSerializer serializer;
    private readonly EventReader reader;
    private readonly EventStoreOptions options;
    private readonly TimeProvider time;
    private readonly WakeUp wakeUp;
    private readonly List<Append> appends = [];

    internal EventSession(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        AppendStatement statement,
        EventSerializer serializer,
        EventReader reader,
        EventStoreOptions options,
        TimeProvider time,
        WakeUp wakeUp
    ) =>
        (Connection, this.transaction, this.statement, this.serializer, this.reader, this.options, this.time, this.wakeUp) = (
            connection,
            transaction,
            statement,
            serializer,
            reader,
            options,
            time,
            wakeUp
        );

    /// <summary>The connection, inside the open transaction.</summary>
    public NpgsqlConnection Connection { get; }

    /// <summary>
    /// Queues an append for the commit. If it is refused then, the commit throws <see cref="AppendRefusedException"/> and all is rolled back, unless the stream is
    /// archived and <see cref="EventStore.Append.UnlessArchived"/> says to leave it out.
    /// </summary>
    public void Append(Append append) => appends.Add(append);

    /// <summary>Streams as this transaction sees them, without what is queued.</summary>
    public async Task<ILookup<StreamId, RecordedEvent>> ReadStreamsAsync(
        IReadOnlyCollection<StreamId> streams,
        CancellationToken cancellationToken
    )
    {
        var found = await reader.ReadStreamsAsync(streams, Connection, cancellationToken);
        return UpTo is not { } last
            ? found
            : found.SelectMany(stream => stream).Where(recorded => recorded.Sequence <= last).ToLookup(recorded => recorded.Stream);
    }

    /// <summary>Events by their positions in the log, in order; those of archived streams are left out.</summary>
    public Task<IReadOnlyList<RecordedEvent>> ReadEventsAsync(IReadOnlyCollection<long> positions, CancellationToken cancellationToken) =>
        reader.ReadEventsAsync(positions, Connection, cancellationToken);

    /// <summary>A replay sees the log as it was at this position.</summary>
    internal long? UpTo { get; init; }

    /// <summary>What is queued.</summary>
    internal IReadOnlyList<Append> Queued => appends;

    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        wakeUp.Appended();
    }

    /// <summary>Writes what is queued, without committing.</summary>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        foreach (var wave in Waves())
        {
            var requests = wave.Select(append => PendingAppend.Prepare(append, serializer, options, time)).ToArray();
            var results = await statement.ExecuteAsync(Connection, requests, time.GetUtcNow(), mayStart: false, cancellationToken);
            for (var index = 0; index < results.Length; index++)
                if (results[index] is AppendResult.Appended)
                    EventStoreMetrics.Appended.Add(requests[index].Events.Count);
                else if (results[index] is not AppendResult.Archived || !requests[index].Append.UnlessArchived)
                    throw new AppendRefusedException(requests[index].Append, results[index]);
        }
        appends.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await Connection.DisposeAsync();
    }

    // What is written with an event must be its own.
    private static bool Joins(Append first, Append next) =>
        next is { ExpectedVersion: null, UniqueKeys.Count: 0 }
        && (next.CorrelationId, next.CausationId, next.StreamType, next.UnlessArchived)
            == (first.CorrelationId, first.CausationId, first.StreamType, first.UnlessArchived);

    // A statement takes a stream once: what goes to the same stream without a condition is joined, the rest takes turns.
    private IEnumerable<IReadOnlyList<Append>> Waves()
    {
        var waves = new List<Dictionary<StreamId, Append>>();
        var last = new Dictionary<StreamId, int>();
        foreach (var append in appends)
        {
            if (last.TryGetValue(append.Stream, out var wave) && waves[wave][append.Stream] is var first && Joins(first, append))
            {
                waves[wave][append.Stream] = first with
                {
                    Events = [.. first.Events, .. append.Events],
                    SideEffects = [.. first.SideEffects, .. append.SideEffects],
                };
                continue;
            }

            wave = last.TryGetValue(append.Stream, out var previous) ? previous + 1 : 0;
            if (wave == waves.Count)
                waves.Add([]);
            waves[wave][append.Stream] = append;
            last[append.Stream] = wave;
        }

        return waves.Select(
            IReadOnlyList<Append> (wave) =>
                [
                    .. wave
                        .Values.OrderBy(append => append.Stream.TenantId, StringComparer.Ordinal)
                        .ThenBy(append => append.Stream.Id, StringComparer.Ordinal),
                ]
        );
    }
}
