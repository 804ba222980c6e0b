using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Appending;

/// <summary>
/// One call of <c>es_append</c>, or where all of it is new one plain insert, and the side effects of its requests. At most one request a stream.
/// </summary>
internal sealed class AppendStatement(IReadOnlyDictionary<Type, ISideEffectTable> sideEffects)
{
    private const string LoneSql = """
        select request, verdict, version, sequence, taken_key, taken_stream, taken_version
        from es_append_one($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """;

    private const string Sql = """
        select request, verdict, version, sequence, taken_key, taken_stream, taken_version
        from es_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        """;

    /// <summary>
    /// Executes in the connection's transaction, or in one of its own when there is none. Results in the order of the requests.
    /// </summary>
    /// <param name="mayStart">Whether it may fail by a unique violation where a stream that is to be started is there already.</param>
    public async Task<AppendResult[]> ExecuteAsync(
        NpgsqlConnection connection,
        IReadOnlyList<PendingAppend> requests,
        DateTimeOffset now,
        bool mayStart,
        CancellationToken cancellationToken
    )
    {
        if (mayStart && requests.All(StartStatement.Takes))
            return await StartAsync(connection, requests, now, cancellationToken);

        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(requests is [var lone] ? LoneCommand(lone, now) : AppendCommand(requests, now));
        AddSideEffects(batch, requests);

        var results = new AppendResult[requests.Count];
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            results[reader.GetInt32(0) - 1] = ReadResult(reader, requests[reader.GetInt32(0) - 1].Append);
        // An error of a later statement, and of the commit, surfaces only when its result is asked for.
        while (await reader.NextResultAsync(cancellationToken)) { }

        return results;
    }

    private async Task<AppendResult[]> StartAsync(
        NpgsqlConnection connection,
        IReadOnlyList<PendingAppend> requests,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(StartStatement.Command(requests, now));
        AddSideEffects(batch, requests);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var results = await StartStatement.ReadAsync(reader, requests, cancellationToken);
        while (await reader.NextResultAsync(cancellationToken)) { }
        return results;
    }

    /// <summary>
    /// What a second attempt was told, seen in the light of the first: if the event that stands in its way is its own, the first one had been
    /// committed and only the answer was lost.
    /// </summary>
    public static async Task<AppendResult> RecogniseAsync(NpgsqlConnection connection, PendingAppend request, AppendResult result)
    {
        var stream = request.Append.Stream;
        long? first = result switch
        {
            AppendResult.Duplicate taken when taken.Stream == stream => taken.Version,
            AppendResult.WrongExpectedVersion wrong => wrong.ExpectedVersion + 1,
            _ => null,
        };
        if (first is null)
            return result;

        await using var select = new NpgsqlCommand(
            "select seq_id, id from mt_events where tenant_id = $1 and stream_id = $2 and version = $3",
            connection
        )
        {
            Parameters =
            {
                new() { Value = stream.TenantId },
                new() { Value = stream.Id },
                new() { Value = first.Value },
            },
        };
        await using var reader = await select.ExecuteReaderAsync();
        return await reader.ReadAsync() && reader.GetGuid(1) == request.Events[0].Id
            ? new AppendResult.Appended(first.Value + request.Events.Count - 1, reader.GetInt64(0))
            : result;
    }

    private static NpgsqlBatchCommand LoneCommand(PendingAppend request, DateTimeOffset now)
    {
        var append = request.Append;
        return new NpgsqlBatchCommand(LoneSql)
        {
            Parameters =
            {
                new() { Value = append.Stream.TenantId, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = append.Stream.Id, NpgsqlDbType = NpgsqlDbType.Varchar },
                Nullable(NpgsqlDbType.Varchar, append.StreamType),
                Nullable(NpgsqlDbType.Bigint, append.ExpectedVersion),
                Array(NpgsqlDbType.Text, append.UniqueKeys.Distinct(StringComparer.Ordinal).ToArray()),
                Array(NpgsqlDbType.Uuid, request.Events.Select(prepared => prepared.Id).ToArray()),
                Array(NpgsqlDbType.Varchar, request.Events.Select(prepared => prepared.Name.Alias).ToArray()),
                Array(NpgsqlDbType.Varchar, request.Events.Select(prepared => prepared.Name.DotnetType).ToArray()),
                Array(NpgsqlDbType.Jsonb, request.Events.Select(prepared => prepared.Json).ToArray()),
                Nullable(NpgsqlDbType.Varchar, append.CorrelationId),
                Nullable(NpgsqlDbType.Varchar, append.CausationId),
                new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };
    }

    internal static NpgsqlParameter Nullable(NpgsqlDbType type, object? value) =>
        new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };

    private static NpgsqlBatchCommand AppendCommand(IReadOnlyList<PendingAppend> requests, DateTimeOffset now)
    {
        var count = requests.Count;
        var events = requests.Sum(request => request.Events.Count);
        var keys = requests.Sum(request => request.Append.UniqueKeys.Count);

        var (tenants, streams, types) = (new string[count], new string[count], new string?[count]);
        var (expected, counts, first) = (new long?[count], new int[count], new int[count]);
        var (keyRequest, keyText) = (new int[keys], new string[keys]);
        var (eventRequest, position, ids) = (new int[events], new int[events], new Guid[events]);
        var (aliases, dotnetTypes, json) = (new string[events], new string[events], new byte[events][]);
        var (correlation, causation, headers) = (new string?[events], new string?[events], new string?[events]);

        int @event = 0,
            key = 0;
        for (var index = 0; index < count; index++)
        {
            var append = requests[index].Append;
            (tenants[index], streams[index], types[index]) = (append.Stream.TenantId, append.Stream.Id, append.StreamType);
            (expected[index], counts[index], first[index]) = (append.ExpectedVersion, requests[index].Events.Count, @event + 1);
            foreach (var unique in append.UniqueKeys)
                (keyRequest[key], keyText[key++]) = (index + 1, unique);
            foreach (var prepared in requests[index].Events)
            {
                (eventRequest[@event], position[@event], ids[@event]) = (index + 1, @event + 2 - first[index], prepared.Id);
                (aliases[@event], dotnetTypes[@event], json[@event]) = (prepared.Name.Alias, prepared.Name.DotnetType, prepared.Json);
                (correlation[@event], causation[@event]) = (append.CorrelationId, append.CausationId);
                @event++;
            }
        }

        return new NpgsqlBatchCommand(Sql)
        {
            Parameters =
            {
                Array(NpgsqlDbType.Varchar, tenants),
                Array(NpgsqlDbType.Varchar, streams),
                Array(NpgsqlDbType.Varchar, types),
                Array(NpgsqlDbType.Bigint, expected),
                Array(NpgsqlDbType.Integer, counts),
                Array(NpgsqlDbType.Integer, first),
                // Only a stream that may exist has a row to lock.
                new() { Value = requests.Any(request => request.Append.ExpectedVersion is not 0) },
                Array(NpgsqlDbType.Integer, keyRequest),
                Array(NpgsqlDbType.Text, keyText),
                Array(NpgsqlDbType.Integer, eventRequest),
                Array(NpgsqlDbType.Integer, position),
                Array(NpgsqlDbType.Uuid, ids),
                Array(NpgsqlDbType.Varchar, aliases),
                Array(NpgsqlDbType.Varchar, dotnetTypes),
                Array(NpgsqlDbType.Jsonb, json),
                Array(NpgsqlDbType.Varchar, correlation),
                Array(NpgsqlDbType.Varchar, causation),
                Array(NpgsqlDbType.Jsonb, headers),
                new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };
    }

    private void AddSideEffects(NpgsqlBatch batch, IReadOnlyList<PendingAppend> requests)
    {
        var rows = requests
            .SelectMany((request, index) => request.Append.SideEffects.Select(row => (Request: index + 1, Row: row)))
            .GroupBy(effect => effect.Row.GetType());
        foreach (var group in rows)
        {
            if (!sideEffects.TryGetValue(group.Key, out var table))
                throw new InvalidAppendException($"{group.Key} is not a registered side effect; add it with AddSideEffect.");

            var command = new NpgsqlBatchCommand(table.Sql)
            {
                Parameters = { Array(NpgsqlDbType.Integer, group.Select(effect => effect.Request).ToArray()) },
            };
            foreach (var (column, type) in table.ToColumns([.. group.Select(effect => effect.Row)]).Zip(table.ColumnTypes))
                command.Parameters.Add(Array(type, column));
            batch.BatchCommands.Add(command);
        }
    }

    private static AppendResult ReadResult(NpgsqlDataReader row, Append append) =>
        row.GetInt32(1) switch
        {
            1 => new AppendResult.Appended(row.GetInt64(2), row.GetInt64(3)),
            2 => new AppendResult.Duplicate(row.GetString(4), new StreamId(append.Stream.TenantId, row.GetString(5)), row.GetInt64(6)),
            3 => new AppendResult.WrongExpectedVersion(append.ExpectedVersion ?? 0, row.GetInt64(2)),
            _ => new AppendResult.Archived(),
        };

    internal static NpgsqlParameter Array(NpgsqlDbType type, Array values) =>
        new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };
}
