using System.Threading.Channels;
using Npgsql;
using NpgsqlTypes;
using TrackAi.EventStore.Appending;

namespace TrackAi.EventStore;

/// <summary>An event of history: from another system, or made up for a measurement.</summary>
/// <param name="Timestamp">When it happened; stored as the event's own time.</param>
public sealed record ImportedEvent(StreamId Stream, object Data, DateTimeOffset Timestamp)
{
    /// <inheritdoc cref="Append.StreamType"/>
    public string? StreamType { get; init; }

    public string? CorrelationId { get; init; }

    public string? CausationId { get; init; }
}

/// <summary>
/// Loads many events at once by COPY (Marten: BulkInsertEventsAsync), into new streams or at the end of those there are. Numbers are drawn under the
/// high-water mark's proof like any append's. Unique keys and side effects are not part of it.
/// </summary>
public sealed class EventImporter
{
    private const int BatchEvents = 20_000;
    private const int BatchBytes = 16 * 1024 * 1024;
    private const int Connections = 2;

    private readonly NpgsqlDataSource dataSource;
    private readonly EventSerializer serializer;
    private readonly EventStoreOptions options;
    private readonly TimeProvider time;
    private readonly WakeUp wakeUp;

    internal EventImporter(
        NpgsqlDataSource dataSource,
        EventSerializer serializer,
        EventStoreOptions options,
        TimeProvider time,
        WakeUp wakeUp
    ) => (this.dataSource, this.serializer, this.options, this.time, this.wakeUp) = (dataSource, serializer, options, time, wakeUp);

    /// <summary>
    /// Imports while hosts go on running, each batch in a transaction of its own. Events of a stream keep their order; across streams it is only
    /// roughly that of the input. When it fails, batches that were committed stay: the streams' versions tell how far it came.
    /// </summary>
    /// <returns>How many events were stored.</returns>
    public async Task<long> ImportAsync(
        IEnumerable<ImportedEvent> events,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        var mayVouch = await MayVouchAsync(cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var imported = 0L;
        var lanes = Enumerable.Range(0, Connections).Select(_ => Channel.CreateBounded<List<ImportedEvent>>(1)).ToArray();
        await Task.WhenAll([
            Task.Run(() => DealAsync(events, [.. lanes.Select(lane => lane.Writer)], stop), CancellationToken.None),
            .. lanes.Select(lane => Task.Run(() => WriteAsync(lane.Reader), CancellationToken.None)),
        ]);
        return imported;

        async Task WriteAsync(ChannelReader<List<ImportedEvent>> batches)
        {
            try
            {
                await foreach (var batch in batches.ReadAllAsync(stop.Token))
                {
                    foreach (var part in Parts(batch))
                    {
                        await CommitAsync(part, mayVouch, stop.Token);
                        var sofar = Interlocked.Add(ref imported, part.Count);
                        progress?.Report(sofar);
                    }
                }
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }
    }

    // By stream, so that a stream's events stay in their order.
    private static async Task DealAsync(
        IEnumerable<ImportedEvent> events,
        ChannelWriter<List<ImportedEvent>>[] lanes,
        CancellationTokenSource stop
    )
    {
        try
        {
            var batches = lanes.Select(_ => new List<ImportedEvent>(BatchEvents)).ToArray();
            foreach (var one in events)
            {
                var lane = (int)((uint)one.Stream.GetHashCode() % (uint)lanes.Length);
                batches[lane].Add(one);
                if (batches[lane].Count < BatchEvents)
                    continue;
                await lanes[lane].WriteAsync(batches[lane], stop.Token);
                batches[lane] = new List<ImportedEvent>(BatchEvents);
            }

            for (var lane = 0; lane < lanes.Length; lane++)
                if (batches[lane].Count > 0)
                    await lanes[lane].WriteAsync(batches[lane], stop.Token);
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
        finally
        {
            foreach (var lane in lanes)
                lane.Complete();
        }
    }

    // Serialised here, by the connection that writes them; large events make smaller transactions.
    private IEnumerable<List<Row>> Parts(List<ImportedEvent> batch)
    {
        var part = new List<Row>(batch.Count);
        var bytes = 0;
        foreach (var one in batch)
        {
            var prepared = PreparedEvent.Of(one.Stream, one.Data, serializer, options, time);
            part.Add(new Row(one, prepared));
            bytes += prepared.Json.Length;
            if (bytes < BatchBytes)
                continue;
            yield return part;
            (part, bytes) = ([], 0);
        }

        if (part.Count > 0)
            yield return part;
    }

    private async Task CommitAsync(List<Row> rows, bool mayVouch, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var streams = rows.Select(row => row.Event.Stream).Distinct().ToArray();
        // The order in which appends lock, so that neither waits for the other in a circle.
        Array.Sort(
            streams,
            static (left, right) =>
                string.CompareOrdinal(left.TenantId, right.TenantId) is var tenant && tenant != 0
                    ? tenant
                    : string.CompareOrdinal(left.Id, right.Id)
        );
        var versions = await ReadVersionsAsync(connection, streams, cancellationToken);
        var known = versions.Keys.ToHashSet();
        foreach (var row in rows)
            row.Version = versions[row.Event.Stream] = versions.GetValueOrDefault(row.Event.Stream) + 1;

        StartStreams(
            connection,
            rows.Where(row => row.Version == 1)
                .Select(row => row.Event)
                .OrderBy(first => first.Stream.TenantId, StringComparer.Ordinal)
                .ThenBy(first => first.Stream.Id, StringComparer.Ordinal),
            versions
        );
        await MoveStreamsAsync(connection, [.. known], versions, cancellationToken);
        var numbers = await DrawNumbersAsync(connection, rows.Count, cancellationToken);
        if (mayVouch)
            await ExecuteAsync(connection, "set local session_replication_role = replica", cancellationToken);
        CopyEvents(connection, rows, numbers);
        await transaction.CommitAsync(cancellationToken);
        EventStoreMetrics.Appended.Add(rows.Count);
        wakeUp.Appended();
    }

    // That each event has its stream is known: the transaction wrote or locked it. Where the role may say so, Postgres need not look again, which
    // is a quarter of the work; unless somebody has triggers of his own on the table.
    private async Task<bool> MayVouchAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        try
        {
            await ExecuteAsync(connection, "set local session_replication_role = replica", cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return false;
        }

        await using var triggers = new NpgsqlCommand(
            "select not exists (select from pg_trigger where tgrelid = 'mt_events'::regclass and not tgisinternal)",
            connection
        );
        return await triggers.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static async Task<Dictionary<StreamId, long>> ReadVersionsAsync(
        NpgsqlConnection connection,
        StreamId[] streams,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            """
            select s.tenant_id, s.id, s.version, s.is_archived from mt_streams s
            where (s.tenant_id, s.id) in (select u.tenant, u.stream from unnest($1, $2) u(tenant, stream))
            order by s.tenant_id, s.id for update
            """,
            connection
        )
        {
            Parameters = { Varchars(streams.Select(stream => stream.TenantId)), Varchars(streams.Select(stream => stream.Id)) },
        };
        var versions = new Dictionary<StreamId, long>(streams.Length);
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var stream = new StreamId(reader.GetString(0), reader.GetString(1));
            if (reader.GetBoolean(3))
                throw new ArchivedStreamException(stream);
            versions[stream] = reader.GetInt64(2);
        }

        return versions;
    }

    private static void StartStreams(NpgsqlConnection connection, IEnumerable<ImportedEvent> firsts, Dictionary<StreamId, long> versions)
    {
        using var copy = connection.BeginBinaryImport(
            "copy mt_streams (tenant_id, id, type, version, timestamp, created, is_archived) from stdin (format binary)"
        );
        foreach (var first in firsts)
        {
            copy.StartRow();
            copy.Write(first.Stream.TenantId, NpgsqlDbType.Varchar);
            copy.Write(first.Stream.Id, NpgsqlDbType.Varchar);
            Write(copy, first.StreamType);
            copy.Write(versions[first.Stream], NpgsqlDbType.Bigint);
            copy.Write(first.Timestamp.ToUniversalTime(), NpgsqlDbType.TimestampTz);
            copy.Write(first.Timestamp.ToUniversalTime(), NpgsqlDbType.TimestampTz);
            copy.Write(false, NpgsqlDbType.Boolean);
        }

        try
        {
            copy.Complete();
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw new InvalidAppendException(
                "A stream of the import was started by somebody else at the same moment; import the rest again.",
                exception
            );
        }
    }

    private static async Task MoveStreamsAsync(
        NpgsqlConnection connection,
        StreamId[] streams,
        Dictionary<StreamId, long> versions,
        CancellationToken cancellationToken
    )
    {
        if (streams.Length == 0)
            return;
        await using var update = new NpgsqlCommand(
            """
            update mt_streams s set version = u.version, timestamp = now()
            from unnest($1, $2, $3) u(tenant, stream, version) where s.tenant_id = u.tenant and s.id = u.stream
            """,
            connection
        )
        {
            Parameters =
            {
                Varchars(streams.Select(stream => stream.TenantId)),
                Varchars(streams.Select(stream => stream.Id)),
                new()
                {
                    Value = streams.Select(stream => versions[stream]).ToArray(),
                    NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint,
                },
            },
        };
        await update.ExecuteNonQueryAsync(cancellationToken);
    }

    // The lock comes before the first number, as in es_append: the high-water mark's proof rests on it.
    private static async Task<long[]> DrawNumbersAsync(NpgsqlConnection connection, int count, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("select es_announce_appender()"),
                new("select array(select nextval('mt_events_sequence') from generate_series(1, $1))")
                {
                    Parameters = { new() { Value = count } },
                },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetFieldValue<long[]>(0);
    }

    // Without awaiting each of twelve columns a row: half the time of it.
    private static void CopyEvents(NpgsqlConnection connection, List<Row> rows, long[] numbers)
    {
        using var copy = connection.BeginBinaryImport(
            """
            copy mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, causation_id, is_archived)
            from stdin (format binary)
            """
        );
        for (var index = 0; index < rows.Count; index++)
        {
            var ((one, prepared), number) = (rows[index], numbers[index]);
            copy.StartRow();
            copy.Write(number, NpgsqlDbType.Bigint);
            copy.Write(prepared.Id, NpgsqlDbType.Uuid);
            copy.Write(one.Stream.Id, NpgsqlDbType.Varchar);
            copy.Write(rows[index].Version, NpgsqlDbType.Bigint);
            copy.Write(prepared.Json, NpgsqlDbType.Jsonb);
            copy.Write(prepared.Name.Alias, NpgsqlDbType.Varchar);
            copy.Write(one.Timestamp.ToUniversalTime(), NpgsqlDbType.TimestampTz);
            copy.Write(one.Stream.TenantId, NpgsqlDbType.Varchar);
            copy.Write(prepared.Name.DotnetType, NpgsqlDbType.Varchar);
            Write(copy, one.CorrelationId);
            Write(copy, one.CausationId);
            copy.Write(false, NpgsqlDbType.Boolean);
        }

        copy.Complete();
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static void Write(NpgsqlBinaryImporter copy, string? text)
    {
        if (text is null)
            copy.WriteNull();
        else
            copy.Write(text, NpgsqlDbType.Varchar);
    }

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private sealed record Row(ImportedEvent Event, PreparedEvent Prepared)
    {
        public long Version { get; set; }
    }
}
