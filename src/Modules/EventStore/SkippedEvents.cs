using Npgsql;
using NpgsqlTypes;
using TrackAi.EventStore.Running;

namespace TrackAi.EventStore;

/// <summary>A dead letter: an event that a projection or subscription stepped over by command.</summary>
/// <param name="Name">The projection's or subscription's.</param>
/// <param name="Type">Null, as is the stream, when the event is not in the log any more.</param>
/// <param name="Error">What it was stepped over for.</param>
public sealed record SkippedEvent(string Name, long Sequence, string? Type, StreamId? Stream, string Error, DateTimeOffset SkippedAt);

/// <summary>What became of one that was handed to its subscription again.</summary>
/// <param name="Appended">The aliases of the events that it appended.</param>
/// <param name="Error">Why it failed again, and is a dead letter still; null when it is none any more.</param>
public sealed record ReplayedSkip(SkippedEvent Skipped, IReadOnlyList<string> Appended, string? Error);

/// <summary>What was stepped over by command, and its way back: a subscription is handed its events again, a projection is rebuilt.</summary>
public sealed class SkippedEvents
{
    private const int Attempts = 5;

    // Renewed with each event. Whoever is killed meanwhile leaves the shard to others after that.
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private readonly NpgsqlDataSource dataSource;
    private readonly PostgresEventStore store;
    private readonly IReadOnlyList<ISubscription> subscriptions;
    private readonly ShardTable table;
    private readonly EventSerializer serializer;
    private readonly TimeProvider time;

    internal SkippedEvents(
        NpgsqlDataSource dataSource,
        PostgresEventStore store,
        IEnumerable<ISubscription> subscriptions,
        ShardTable table,
        EventSerializer serializer,
        TimeProvider time
    ) =>
        (this.dataSource, this.store, this.subscriptions, this.table, this.serializer, this.time) = (
            dataSource,
            store,
            [.. subscriptions],
            table,
            serializer,
            time
        );

    /// <summary>All of them in the order of the log, or those of one projection or subscription.</summary>
    public async Task<IReadOnlyList<SkippedEvent>> ReadAsync(string? name = null, CancellationToken cancellationToken = default)
    {
        await using var select = dataSource.CreateCommand(
            """
            select d.name, d.seq_id, e.type, e.tenant_id, e.stream_id, d.error, d.skipped_at
            from (
                select data ->> 'ProjectionName' as name, (data ->> 'EventSequence')::bigint as seq_id,
                    coalesce(data ->> 'ExceptionMessage', '') as error, coalesce((data ->> 'Timestamp')::timestamptz, mt_last_modified) as skipped_at
                from mt_doc_deadletterevent
            ) d
            left join mt_events e on e.seq_id = d.seq_id
            where $1::varchar is null or d.name = $1
            order by d.seq_id, d.name
            """
        );
        select.Parameters.Add(new() { Value = (object?)name ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        var skipped = new List<SkippedEvent>();
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            skipped.Add(
                new SkippedEvent(
                    row.GetString(0),
                    row.GetInt64(1),
                    row.IsDBNull(2) ? null : row.GetString(2),
                    row.IsDBNull(2) ? null : new StreamId(row.GetString(3), row.GetString(4)),
                    row.GetString(5),
                    row.GetFieldValue<DateTimeOffset>(6)
                )
            );
        return skipped;
    }

    /// <summary>
    /// Hands what a subscription stepped over to it again, each event in a transaction of its own: what it writes and appends, and the end of the dead letter,
    /// commit together or not at all. Hosts may run beside: the shard is taken from them meanwhile. Throws <see cref="ArgumentException"/> for a name there is not.
    /// </summary>
    /// <param name="sequence">That event alone.</param>
    public async Task<IReadOnlyList<ReplayedSkip>> ReplayAsync(
        string name,
        long? sequence = null,
        CancellationToken cancellationToken = default
    )
    {
        var subscription =
            subscriptions.SingleOrDefault(one => one.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException(
                $"There is no subscription '{name}'; there are {string.Join(", ", subscriptions.Select(one => one.Name))}.",
                nameof(name)
            );
        var skipped = await ReadAsync(subscription.Name, cancellationToken);
        var owner = $"replay:{Environment.MachineName}:{Environment.ProcessId}:{Guid.CreateVersion7(time.GetUtcNow()):N}";
        var replayed = new List<ReplayedSkip>();
        try
        {
            foreach (var one in skipped.Where(one => sequence is null || one.Sequence == sequence).DistinctBy(one => one.Sequence))
                replayed.Add(await ReplayAsync(subscription, one, owner, cancellationToken));
        }
        finally
        {
            await table.ReleaseAsync(owner, CancellationToken.None);
        }

        return replayed;
    }

    private async Task<ReplayedSkip> ReplayAsync(
        ISubscription subscription,
        SkippedEvent skipped,
        string owner,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var token = await table.TakeOverAsync(Shard.NameOf(subscription.Name), owner, Lease, cancellationToken);
                return await HandleAsync(subscription, skipped, token, cancellationToken);
            }
            catch (Exception exception) when (Faults.AreOfTheCode(exception) || (attempt == Attempts && exception is ShardLostException))
            {
                return new ReplayedSkip(skipped, [], ShardTable.OneLine(exception));
            }
            catch (Exception exception)
                when (attempt < Attempts && exception is ShardLostException or PostgresException { IsTransient: true })
            {
                // A deadlock with whoever appends to the same streams, or the shard was taken from us: nothing was written.
                continue;
            }
        }
    }

    private async Task<ReplayedSkip> HandleAsync(
        ISubscription subscription,
        SkippedEvent skipped,
        long token,
        CancellationToken cancellationToken
    )
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        // Whoever ends the dead letter handles the event: another replay finds none any more.
        if (!await DeadLetters.EndAsync(session.Connection, subscription.Name, skipped.Sequence, cancellationToken))
            return new ReplayedSkip(skipped, [], "It is no dead letter any more: another replay was quicker.");
        if (await session.ReadEventsAsync([skipped.Sequence], cancellationToken) is not [var recorded])
            return new ReplayedSkip(skipped, [], "The event is not in the log any more, or its stream is archived.");

        await subscription.HandleSkippedAsync(recorded, session, cancellationToken);
        string[] appended = [.. session.Queued.SelectMany(append => append.Events).Select(one => serializer.NameOf(one.GetType()).Alias)];
        await session.FlushAsync(cancellationToken);
        await ShardTable.HoldAsync(session.Connection, Shard.NameOf(subscription.Name), token, cancellationToken);
        await session.CommitAsync(cancellationToken);
        return new ReplayedSkip(skipped, appended, Error: null);
    }
}
