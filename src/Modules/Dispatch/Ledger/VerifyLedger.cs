using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Ledger;

/// <inheritdoc cref="IDispatchLedger"/>
internal sealed class VerifyLedger(
    PostgresEventStore store,
    NpgsqlDataSource dataSource,
    IReadLedger readModel,
    ProjectionProgress shards,
    SkippedEvents skipped
) : IDispatchLedger
{
    public async Task<LedgerReport> VerifyAsync(Action<long, long> progress, CancellationToken cancellationToken)
    {
        var standing = await shards.ReadAsync(cancellationToken);
        var (matching, dispatch) = (ProgressOf(standing, Deciders.Matching), ProgressOf(standing, Deciders.Dispatch));
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
            fold.Unreadable,
            days,
            [
                .. fold.Problems,
                .. days.Where(day => !day.Balances)
                    .Select(day => Problem("unbalanced", day, "received is not sent + skipped + dead + waiting.")),
                .. Differences(days, read),
                .. await CompareWithQueueAsync([.. fold.Open], cancellationToken),
                .. await FindUndecidedAsync([.. fold.Undecided(matching, dispatch)], matching, dispatch, cancellationToken),
            ]
        );
    }

    private static long ProgressOf(IReadOnlyList<ShardStatus> standing, string subscription) =>
        standing.FirstOrDefault(shard => shard.Name.Split(':')[0] == subscription)?.Progress ?? 0;

    // What was decided lies further on in the log than was read, or is about a sale that was archived meanwhile: the whole stream tells.
    private async Task<IReadOnlyList<LedgerProblem>> FindUndecidedAsync(
        IReadOnlyList<(StreamId Stream, string Conversion, string Decider, long Position)> suspects,
        long matching,
        long dispatch,
        CancellationToken cancellationToken
    )
    {
        var problems = new List<LedgerProblem>();
        if (suspects.Count == 0)
            return problems;
        var letters = (await skipped.ReadAsync(cancellationToken: cancellationToken)).ToLookup(letter => (letter.Name, letter.Stream));
        foreach (var batch in suspects.Chunk(500))
        {
            var streams = await store.ReadStreamsAsync([.. batch.Select(one => one.Stream)], cancellationToken);
            foreach (var (stream, conversion, decider, position) in batch)
            {
                var fold = new LedgerFold();
                foreach (var recorded in streams[stream])
                    fold.Apply(recorded);
                if (streams[stream].Any(recorded => recorded.IsArchived) || !fold.Undecided(matching, dispatch).Any())
                    continue;
                problems.Add(
                    new LedgerProblem(
                        "undecided",
                        stream.TenantId,
                        stream.Id,
                        $"{conversion} is approved, and {decider} passed it by at event {position} without a decision, so it is never sent. {Remedy(decider, [.. letters[(decider, stream)]])}"
                    )
                );
            }
        }

        return problems;
    }

    private static string Remedy(string decider, IReadOnlyList<SkippedEvent> letters) =>
        letters.Count == 0
            ? "Nothing of it was skipped by command: tell the developers."
            : $"It was skipped by command: mend the event, then run {string.Join(" and ", letters.Select(letter => $"'projections replay {decider} --event {letter.Sequence}'"))}.";

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
            // Whether it has ended may be what cannot be read, which is told already.
            if (fold.IsUnreadable(new StreamId(tenant, Streams.Conversion(conversion))))
                continue;
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
