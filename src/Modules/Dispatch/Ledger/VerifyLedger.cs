using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Ledger;

/// <inheritdoc cref="IDispatchLedger"/>
internal sealed class VerifyLedger(PostgresEventStore store, NpgsqlDataSource dataSource, IReadLedger readModel) : IDispatchLedger
{
    public async Task<LedgerReport> VerifyAsync(Action<long, long> progress, CancellationToken cancellationToken)
    {
        var (position, read) = await readModel.ReadAsync(cancellationToken);
        var fold = new LedgerFold();
        await foreach (var recorded in store.ReadAllAsync(0, position, cancellationToken))
        {
            fold.Apply(recorded);
            progress(recorded.Sequence, position);
        }

        var days = fold.Days();
        return new LedgerReport(
            position,
            fold.Events,
            days,
            [
                .. fold.Problems,
                .. days.Where(day => !day.Balances)
                    .Select(day => Problem("unbalanced", day, "received is not sent + skipped + dead + waiting.")),
                .. Differences(days, read),
                .. await CompareWithQueueAsync([.. fold.Open], cancellationToken),
            ]
        );
    }

    private static IEnumerable<LedgerProblem> Differences(IReadOnlyList<LedgerDay> log, IReadOnlyList<LedgerDay> read)
    {
        var shown = read.ToDictionary(day => (day.TenantId, day.Date));
        foreach (var day in log)
            if (!shown.Remove((day.TenantId, day.Date), out var other))
                yield return Problem("read_model", day, $"the log has {Text(day)}, the read model nothing.");
            else if (Text(day) != Text(other))
                yield return Problem("read_model", day, $"the log has {Text(day)}, the read model {Text(other)}.");
        foreach (var day in shown.Values)
            yield return Problem("read_model", day, $"the log has nothing, the read model {Text(day)}.");
    }

    private static LedgerProblem Problem(string kind, LedgerDay day, string detail) =>
        new(kind, day.TenantId, $"{day.Date:yyyy-MM-dd}", detail);

    private static string Text(LedgerDay day) =>
        $"{day.Received} received, {day.Sent} sent, {Text(day.Skipped)} skipped, {Text(day.Dead)} dead, {day.Waiting} waiting";

    private static string Text(IReadOnlyDictionary<string, long> reasons) =>
        reasons.Count == 0
            ? "0"
            : string.Join(" ", reasons.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Value}({pair.Key})"));

    // The queue moves while the log is read: what looks wrong is looked at again, stream and row at one moment.
    private async Task<IReadOnlyList<LedgerProblem>> CompareWithQueueAsync(
        IReadOnlyList<(string Tenant, string Conversion, string Dispatch)> open,
        CancellationToken cancellationToken
    )
    {
        var queued = await ReadQueueAsync(null, cancellationToken);
        var requested = open.Select(one => one.Dispatch).ToHashSet(StringComparer.Ordinal);
        (string Tenant, string Conversion, string Dispatch)[] suspects =
        [
            .. open.Where(one => !queued.ContainsKey(one.Dispatch)),
            .. queued.Where(pair => !requested.Contains(pair.Key)).Select(pair => (pair.Value.Tenant, pair.Value.Conversion, pair.Key)),
        ];
        var problems = new List<LedgerProblem>();
        foreach (var batch in suspects.Chunk(500))
            problems.AddRange(await LookAgainAsync(batch, cancellationToken));
        return problems;
    }

    private async Task<IEnumerable<LedgerProblem>> LookAgainAsync(
        IReadOnlyCollection<(string Tenant, string Conversion, string Dispatch)> suspects,
        CancellationToken cancellationToken
    )
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        // One snapshot for both.
        await using (var isolate = new NpgsqlCommand("set transaction isolation level repeatable read", session.Connection))
            await isolate.ExecuteNonQueryAsync(cancellationToken);
        var streams = await session.ReadStreamsAsync(
            [.. suspects.Select(one => new StreamId(one.Tenant, Streams.Conversion(one.Conversion))).Distinct()],
            cancellationToken
        );
        var queued = await ReadQueueAsync(session.Connection, [.. suspects.Select(one => one.Dispatch)], cancellationToken);
        var problems = new List<LedgerProblem>();
        foreach (var (tenant, conversion, dispatch) in suspects)
        {
            var fold = new LedgerFold();
            foreach (var recorded in streams[new StreamId(tenant, Streams.Conversion(conversion))])
                fold.Apply(recorded);
            var isOpen = fold.Open.Any(one => one.Dispatch == dispatch);
            if (isOpen && !queued.ContainsKey(dispatch))
                problems.Add(
                    new LedgerProblem("lost", tenant, dispatch, $"{conversion} is to be sent by the log, and is not in the queue.")
                );
            else if (!isOpen && queued.ContainsKey(dispatch))
                problems.Add(new LedgerProblem("left_over", tenant, dispatch, $"{conversion} has ended by the log, and is in the queue."));
        }

        return problems;
    }

    private async Task<Dictionary<string, (string Tenant, string Conversion)>> ReadQueueAsync(
        IReadOnlyCollection<string>? dispatches,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return await ReadQueueAsync(connection, dispatches, cancellationToken);
    }

    private static async Task<Dictionary<string, (string Tenant, string Conversion)>> ReadQueueAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<string>? dispatches,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            "select dispatch_id, tenant_id, conversion_id from dispatch_queue where $1::varchar[] is null or dispatch_id = any ($1)",
            connection
        )
        {
            Parameters =
            {
                new() { Value = (object?)dispatches?.ToArray() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
            },
        };
        var queued = new Dictionary<string, (string, string)>(StringComparer.Ordinal);
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            queued[reader.GetString(0)] = (reader.GetString(1), reader.GetString(2));
        return queued;
    }
}
