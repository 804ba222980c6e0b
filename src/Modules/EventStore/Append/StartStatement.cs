using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Appending;

/// <summary>
/// Starts streams that nobody has seen, which is most of what is appended: nothing to look up, so one plain insert. A stream that is there after all
/// fails the statement by a unique violation before a sequence number is drawn; its caller starts over with <c>es_append</c>, which looks first.
/// </summary>
internal static class StartStatement
{
    // The appender announces itself before it draws its first number: see es_append. The streams come before the numbers, so that a conflict burns none.
    // Side effects ask which requests were accepted; where there are none, nobody does.
    private const string Announced = """
        with announced as materialized (
            select pg_advisory_xact_lock_shared((21569::bigint << 48) | coalesce(pg_sequence_last_value('mt_events_sequence'), 0))::text,
                   case when $1 is not null then set_config('trackai.appended', $1, true) end
        )
        """;

    private const string LoneSql = $"""
        {Announced}, stream as (
            insert into mt_streams (tenant_id, id, type, version, timestamp, created, is_archived)
            select $2, $3, $4, 1, $5, $5, false from announced
            returning 1
        )
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type,
                               correlation_id, causation_id, is_archived)
        select nextval('mt_events_sequence'), $6, $3, 1, $7, $8, $5, $2, $9, $10, $11, false from stream
        returning seq_id, id
        """;

    private const string Sql = $"""
        {Announced}, stream as (
            insert into mt_streams (tenant_id, id, type, version, timestamp, created, is_archived)
            select s.tenant, s.stream, s.type, s.count, $2, $2, false from announced, unnest($3, $4, $5, $6) s(tenant, stream, type, count)
            returning 1
        )
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type,
                               correlation_id, causation_id, is_archived)
        select nextval('mt_events_sequence'), e.id, e.stream, e.version, e.data, e.type, $2, e.tenant, e.dotnet_type, e.correlation, e.causation, false
        from (select count(*) from stream) started,
             unnest($7, $8, $9, $10, $11, $12, $13, $14, $15) e(tenant, stream, version, id, type, dotnet_type, data, correlation, causation)
        returning seq_id, id
        """;

    /// <summary>Whether this is a stream's beginning with nothing else to be looked up.</summary>
    public static bool Takes(PendingAppend request) => request.Append is { ExpectedVersion: 0, UniqueKeys.Count: 0 };

    public static NpgsqlBatchCommand Command(IReadOnlyList<PendingAppend> requests, DateTimeOffset now) =>
        requests is [{ Events: [var only] } lone] ? LoneCommand(lone.Append, only, now) : BatchCommand(requests, now);

    /// <summary>The first sequence number of each request. The events come back as they were inserted.</summary>
    public static async Task<AppendResult[]> ReadAsync(
        NpgsqlDataReader reader,
        IReadOnlyList<PendingAppend> requests,
        CancellationToken cancellationToken
    )
    {
        var results = new AppendResult[requests.Count];
        for (var index = 0; index < requests.Count; index++)
        {
            var events = requests[index].Events;
            for (var position = 0; position < events.Count; position++)
            {
                if (!await reader.ReadAsync(cancellationToken) || reader.GetGuid(1) != events[position].Id)
                    throw new InvalidOperationException(
                        $"The insert of {requests[index].Append.Stream} did not return its events in order."
                    );
                if (position == 0)
                    results[index] = new AppendResult.Appended(events.Count, reader.GetInt64(0));
            }
        }
        return results;
    }

    private static NpgsqlBatchCommand LoneCommand(Append append, PreparedEvent only, DateTimeOffset now) =>
        new(LoneSql)
        {
            Parameters =
            {
                Accepted(append),
                Varchar(append.Stream.TenantId),
                Varchar(append.Stream.Id),
                Varchar(append.StreamType),
                new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = only.Id, NpgsqlDbType = NpgsqlDbType.Uuid },
                new() { Value = only.Json, NpgsqlDbType = NpgsqlDbType.Jsonb },
                Varchar(only.Name.Alias),
                Varchar(only.Name.DotnetType),
                Varchar(append.CorrelationId),
                Varchar(append.CausationId),
            },
        };

    private static NpgsqlBatchCommand BatchCommand(IReadOnlyList<PendingAppend> requests, DateTimeOffset now)
    {
        var streams = requests.Select(request => request.Append).ToArray();
        var events = requests
            .SelectMany(request => request.Events.Select((prepared, index) => (request.Append, Prepared: prepared, Version: index + 1L)))
            .ToArray();
        return new NpgsqlBatchCommand(Sql)
        {
            Parameters =
            {
                Accepted(streams),
                new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                Varchars(streams, append => append.Stream.TenantId),
                Varchars(streams, append => append.Stream.Id),
                Varchars(streams, append => append.StreamType),
                AppendStatement.Array(NpgsqlDbType.Bigint, Array.ConvertAll([.. requests], request => (long)request.Events.Count)),
                Varchars(events, one => one.Append.Stream.TenantId),
                Varchars(events, one => one.Append.Stream.Id),
                AppendStatement.Array(NpgsqlDbType.Bigint, Array.ConvertAll(events, one => one.Version)),
                AppendStatement.Array(NpgsqlDbType.Uuid, Array.ConvertAll(events, one => one.Prepared.Id)),
                Varchars(events, one => one.Prepared.Name.Alias),
                Varchars(events, one => one.Prepared.Name.DotnetType),
                AppendStatement.Array(NpgsqlDbType.Jsonb, Array.ConvertAll(events, one => one.Prepared.Json)),
                Varchars(events, one => one.Append.CorrelationId),
                Varchars(events, one => one.Append.CausationId),
            },
        };
    }

    private static NpgsqlParameter Accepted(params Append[] appends) =>
        AppendStatement.Nullable(
            NpgsqlDbType.Text,
            appends.Any(append => append.SideEffects.Count > 0) ? $"{{{string.Join(',', Enumerable.Range(1, appends.Length))}}}" : null
        );

    private static NpgsqlParameter Varchar(string? value) => AppendStatement.Nullable(NpgsqlDbType.Varchar, value);

    private static NpgsqlParameter Varchars<T>(T[] rows, Converter<T, string?> value) =>
        AppendStatement.Array(NpgsqlDbType.Varchar, Array.ConvertAll(rows, value));
}
