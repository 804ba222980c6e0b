using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>
/// What waits to be told of a person, and what was given up. There is nothing personal in it, but it is about them: whoever is erased is not reported
/// any more, and each of their sales ends as skipped.
/// </summary>
internal sealed class HeldDispatches(NpgsqlDataSource database, PostgresEventStore store, TimeProvider time) : IHoldPersonalData
{
    private const string Queue = "dispatch_queue";
    private const string DeadLetters = "dispatch_dead_letter";

    // Longer than any answer of Meta's is waited for.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public IReadOnlyList<string> Tables { get; } = [Queue, DeadLetters];

    public Task<IReadOnlyCollection<string>> FindStreamsAsync(PersonTraces traces, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyCollection<string>>([]);

    public async Task<IReadOnlyList<HeldRecord>> ExportAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        await using var select = database.CreateCommand(
            """
            select false, conversion_id, pixel_id, attempt, requested_at from dispatch_queue where tenant_id = $1 and conversion_id = any ($2)
            union all
            select true, conversion_id, pixel_id, attempt, requested_at from dispatch_dead_letter where tenant_id = $1 and conversion_id = any ($2)
            """
        );
        select.Parameters.AddRange(Of(traces));
        var held = new List<HeldRecord>();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var content = new
            {
                Conversion = reader.GetString(1),
                Pixel = reader.GetString(2),
                Attempts = reader.GetInt32(3),
                RequestedAt = reader.GetFieldValue<DateTimeOffset>(4),
            };
            held.Add(
                reader.GetBoolean(0)
                    ? new HeldRecord(DeadLetters, "A report to Meta that was given up", content)
                    : new HeldRecord(Queue, "A report to Meta that is waiting", content)
            );
        }

        return held;
    }

    public async Task<IReadOnlyDictionary<string, long>> EraseAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        await WaitForClaimsAsync(traces, cancellationToken);
        await using var session = await store.OpenSessionAsync(cancellationToken);
        var waited = await DeleteAsync(session.Connection, Queue, traces, cancellationToken);
        var dead = await DeleteAsync(session.Connection, DeadLetters, traces, cancellationToken);
        await SkipAsync(session, traces.TenantId, waited, cancellationToken);
        await session.CommitAsync(cancellationToken);
        return new Dictionary<string, long>(StringComparer.Ordinal) { [Queue] = waited.Count, [DeadLetters] = dead.Count };
    }

    // What is on its way to Meta cannot be called back; its end must be recorded.
    private async Task WaitForClaimsAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < Patience)
        {
            await using var select = database.CreateCommand(
                "select exists (select from dispatch_queue where tenant_id = $1 and conversion_id = any ($2) and claim is not null and claimed_until > $3)"
            );
            select.Parameters.AddRange(Of(traces));
            select.Parameters.Add(new() { Value = time.GetUtcNow() });
            if (await select.ExecuteScalarAsync(cancellationToken) is false)
                return;
            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private static async Task<IReadOnlyList<string>> DeleteAsync(
        NpgsqlConnection connection,
        string table,
        PersonTraces traces,
        CancellationToken cancellationToken
    )
    {
        await using var delete = new NpgsqlCommand(
            $"delete from {table} where tenant_id = $1 and conversion_id = any ($2) returning conversion_id",
            connection
        );
        delete.Parameters.AddRange(Of(traces));
        var conversions = new List<string>();
        await using var reader = await delete.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            conversions.Add(reader.GetString(0));
        return conversions;
    }

    private async Task SkipAsync(EventSession session, string tenant, IEnumerable<string> conversions, CancellationToken cancellationToken)
    {
        StreamId[] ids = [.. conversions.Distinct(StringComparer.Ordinal).Select(one => new StreamId(tenant, Streams.Conversion(one)))];
        if (ids.Length == 0)
            return;
        foreach (var stream in await session.ReadStreamsAsync(ids, cancellationToken))
        {
            var requested = stream
                .Select(recorded => recorded.Data)
                .OfType<DispatchRequested>()
                .DistinctBy(one => one.EventName, StringComparer.Ordinal);
            session.Append(
                new Append(
                    stream.Key,
                    [
                        .. requested.Select(one => new DispatchSkipped(
                            one.ConversionId,
                            one.Gateway,
                            one.EventName,
                            "erased",
                            time.GetUtcNow()
                        )),
                    ]
                )
                {
                    UnlessArchived = true,
                }
            );
        }
    }

    private static NpgsqlParameter[] Of(PersonTraces traces) =>
        [
            new() { Value = traces.TenantId },
            new()
            {
                Value = traces.Streams.Select(Streams.ConversionOf).OfType<string>().ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
            },
        ];
}
