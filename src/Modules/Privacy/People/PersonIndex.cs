using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Privacy.People;

/// <summary>Learns from the log which streams are whose, and finds them again.</summary>
internal sealed class PersonIndex(
    OpenPeople people,
    PersonHashes hashes,
    NpgsqlDataSource database,
    PostgresEventStore store,
    ProjectionProgress progress
) : ISubscription
{
    public const string ShardName = "People";

    public string Name => ShardName;

    public IReadOnlyCollection<Type> EventTypes => PersonalEvents.All;

    // Whoever asks reads the end of the log besides.
    public TimeSpan LongestRest { get; } = TimeSpan.FromMilliseconds(200);

    public async Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken)
    {
        var rows = await RowsOfAsync(events, cancellationToken);
        if (rows.Count == 0)
            return;
        await using var learn = new NpgsqlCommand(
            """
            insert into person_stream (tenant_id, stream_id, hashes)
            select tenant, stream, array_agg(distinct hash) from unnest($1, $2, $3) k(tenant, stream, hash) group by tenant, stream
            on conflict (tenant_id, stream_id) do update
            set hashes = array(select distinct unnest(person_stream.hashes || excluded.hashes))
            """,
            session.Connection
        );
        var flat = rows.SelectMany(row => row.Value.Select(hash => (row.Key, Hash: Convert.FromHexString(hash)))).ToArray();
        learn.Parameters.Add(Varchars(flat.Select(one => one.Key.TenantId)));
        learn.Parameters.Add(Varchars(flat.Select(one => one.Key.Id)));
        learn.Parameters.Add(new() { Value = flat.Select(one => one.Hash).ToArray() });
        await learn.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Streams that bear one of the hashes, with all they bear; also those that the index has not come to yet.</summary>
    public async Task<IReadOnlyDictionary<string, HashSet<string>>> FindAsync(
        string tenant,
        IReadOnlyCollection<string> wanted,
        IReadOnlyDictionary<StreamId, HashSet<string>> tail,
        CancellationToken cancellationToken
    )
    {
        var found = tail.Where(row => row.Value.Overlaps(wanted))
            .ToDictionary(row => row.Key.Id, row => row.Value.ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal);
        if (wanted.Count == 0)
            return found;
        await using var select = database.CreateCommand(
            "select stream_id, hashes from person_stream where tenant_id = $1 and hashes && $2"
        );
        select.Parameters.Add(new() { Value = tenant });
        select.Parameters.Add(new() { Value = wanted.Select(Convert.FromHexString).ToArray() });
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (!found.TryGetValue(reader.GetString(0), out var known))
                found.Add(reader.GetString(0), known = new(StringComparer.Ordinal));
            known.UnionWith(reader.GetFieldValue<byte[][]>(1).Select(Convert.ToHexString));
        }

        return found;
    }

    /// <summary>What the log holds of a tenant's people that the index has not come to: nothing in flight is missed, and no host needs to run.</summary>
    public async Task<IReadOnlyDictionary<StreamId, HashSet<string>>> ReadTailAsync(string tenant, CancellationToken cancellationToken)
    {
        // A shard's own name has more to it than the subscription's.
        var shard = (await progress.ReadAsync(cancellationToken)).SingleOrDefault(status =>
            status.Name.StartsWith($"{ShardName}:", StringComparison.Ordinal)
        );
        var tail = new Dictionary<StreamId, HashSet<string>>();
        var page = new List<RecordedEvent>();
        await foreach (var recorded in store.ReadAllAsync(shard?.Progress ?? 0, cancellationToken: cancellationToken))
        {
            if (recorded.TenantId == tenant && Aliases.Contains(recorded.Type))
                page.Add(recorded);
            if (page.Count == 1000)
                await AddAsync();
        }

        await AddAsync();
        return tail;

        async Task AddAsync()
        {
            foreach (var (stream, known) in await RowsOfAsync(page, cancellationToken))
            {
                if (!tail.TryAdd(stream, known))
                    tail[stream].UnionWith(known);
            }

            page.Clear();
        }
    }

    public async Task<long> DeleteAsync(string tenant, IReadOnlyCollection<string> streams, CancellationToken cancellationToken)
    {
        await using var delete = database.CreateCommand("delete from person_stream where tenant_id = $1 and stream_id = any ($2)");
        delete.Parameters.Add(new() { Value = tenant });
        delete.Parameters.Add(Varchars(streams));
        return await delete.ExecuteNonQueryAsync(cancellationToken);
    }

    private static readonly HashSet<string> Aliases = [.. PersonalEvents.All.Select(EventSerializer.AliasOf)];

    // A stream whose key is gone has nobody in it.
    private async Task<Dictionary<StreamId, HashSet<string>>> RowsOfAsync(
        IReadOnlyList<RecordedEvent> events,
        CancellationToken cancellationToken
    )
    {
        var personal = events
            .Select(recorded => (Recorded: recorded, Part: PersonalEvents.ProtectedPartOf(recorded.Data)))
            .Where(one => one.Part is not null)
            .ToArray();
        var opened = await people.OpenAsync(
            [.. personal.Select(one => new ProtectedPart(one.Recorded.TenantId, one.Recorded.Stream.Id, one.Part!))],
            cancellationToken
        );
        var rows = new Dictionary<StreamId, HashSet<string>>();
        foreach (var ((recorded, _), person) in personal.Zip(opened))
        {
            if (person is null)
                continue;
            var known = hashes.Of(recorded.TenantId, recorded.Data, person);
            if (rows.TryGetValue(recorded.Stream, out var row))
                row.UnionWith(known);
            else if (known.ToHashSet(StringComparer.Ordinal) is { Count: > 0 } first)
                rows.Add(recorded.Stream, first);
        }

        return rows;
    }

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };
}
