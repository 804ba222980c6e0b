using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Reading;

/// <summary>A stretch of the log: what is in it, and the position up to which that is everything.</summary>
internal sealed record EventPage(IReadOnlyList<RecordedEvent> Events, long Ceiling);

/// <summary>Reads events out of the log's table.</summary>
internal sealed class EventReader(NpgsqlDataSource dataSource, EventSerializer serializer)
{
    // A thousand events of the largest size are a gibibyte: a page ends early where its events are large.
    private const long MaxPageBytes = 32 * 1024 * 1024;

    private const string Columns =
        "e.seq_id, e.id, e.tenant_id, e.stream_id, e.version, e.type, e.data, e.timestamp, e.correlation_id, e.causation_id, e.is_archived";

    public async Task<IReadOnlyList<RecordedEvent>> ReadStreamAsync(StreamId stream, long fromVersion, CancellationToken cancellationToken)
    {
        await using var select = dataSource.CreateCommand(
            """
            select e.seq_id, e.id, e.version, e.type, e.data, e.timestamp, e.correlation_id, e.causation_id, e.is_archived from mt_events e
            where e.tenant_id = $1 and e.stream_id = $2 and e.version >= $3 order by e.version
            """
        );
        select.Parameters.Add(new() { Value = stream.TenantId });
        select.Parameters.Add(new() { Value = stream.Id });
        select.Parameters.Add(new() { Value = fromVersion });
        var events = new List<RecordedEvent>();
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            events.Add(Read(rows, stream, fromColumn: 2));
        return events;
    }

    public async Task<ILookup<StreamId, RecordedEvent>> ReadStreamsAsync(
        IReadOnlyCollection<StreamId> streams,
        NpgsqlConnection? connection,
        CancellationToken cancellationToken
    )
    {
        // Lateral, so that whatever the statistics say each stream is one index look-up.
        const string Sql = $"""
            select {Columns} from unnest($1, $2) with ordinality s(tenant, stream, ord)
            cross join lateral (
                select * from mt_events m where m.tenant_id = s.tenant and m.stream_id = s.stream order by m.version
            ) e
            order by s.ord, e.version
            """;
        await using var select = connection is null ? dataSource.CreateCommand(Sql) : new NpgsqlCommand(Sql, connection);
        var distinct = streams.Distinct().ToArray();
        select.Parameters.Add(
            new() { Value = distinct.Select(stream => stream.TenantId).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar }
        );
        select.Parameters.Add(
            new() { Value = distinct.Select(stream => stream.Id).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar }
        );
        return (await ReadAsync(select, cancellationToken)).ToLookup(recorded => recorded.Stream);
    }

    /// <summary>Events after a position up to another, in order; of some types only where given. So many at most, and fewer where they are large.</summary>
    public async Task<EventPage> ReadRangeAsync(
        long after,
        long upTo,
        int limit,
        IReadOnlyCollection<string>? types,
        CancellationToken cancellationToken
    )
    {
        await using var select = dataSource.CreateCommand(
            $"""
            select {Columns} from mt_events e
            where e.seq_id > $1 and e.seq_id <= $2 and e.is_archived = false {(types is null ? "" : "and e.type = any ($4)")}
            order by e.seq_id limit $3
            """
        );
        select.Parameters.Add(new() { Value = after });
        select.Parameters.Add(new() { Value = upTo });
        select.Parameters.Add(new() { Value = limit });
        if (types is not null)
            select.Parameters.Add(new() { Value = types.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });

        var events = new List<RecordedEvent>();
        var bytes = 0L;
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        while (bytes < MaxPageBytes && await rows.ReadAsync(cancellationToken))
        {
            events.Add(Read(rows, new StreamId(rows.GetString(2), rows.GetString(3)), fromColumn: 4));
            bytes += events[^1].Json.Length;
        }
        return new EventPage(events, events.Count < limit && bytes < MaxPageBytes ? upTo : events[^1].Sequence);
    }

    /// <summary>Those at some positions, in order.</summary>
    public async Task<IReadOnlyList<RecordedEvent>> ReadEventsAsync(
        IReadOnlyCollection<long> positions,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            $"select {Columns} from mt_events e where e.seq_id = any ($1) and e.is_archived = false order by e.seq_id",
            connection
        )
        {
            Parameters = { new() { Value = positions.ToArray() } },
        };
        return await ReadAsync(select, cancellationToken);
    }

    private async Task<IReadOnlyList<RecordedEvent>> ReadAsync(NpgsqlCommand select, CancellationToken cancellationToken)
    {
        var events = new List<RecordedEvent>();
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            events.Add(Read(rows, new StreamId(rows.GetString(2), rows.GetString(3)), fromColumn: 4));
        return events;
    }

    private RecordedEvent Read(NpgsqlDataReader row, StreamId stream, int fromColumn) =>
        new(
            serializer,
            row.GetInt64(0),
            row.GetGuid(1),
            stream,
            row.GetInt64(fromColumn),
            row.GetString(fromColumn + 1),
            row.GetFieldValue<byte[]>(fromColumn + 2),
            row.GetFieldValue<DateTimeOffset>(fromColumn + 3),
            row.IsDBNull(fromColumn + 4) ? null : row.GetString(fromColumn + 4),
            row.IsDBNull(fromColumn + 5) ? null : row.GetString(fromColumn + 5),
            !row.IsDBNull(fromColumn + 6) && row.GetBoolean(fromColumn + 6)
        );
}
