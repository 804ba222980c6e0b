using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Builds the figures a day. Every conversion is in exactly one cell: a stretch of the log takes each conversion it touches out of the cell it was in
/// before and puts it into the one it is in after, both told from the conversion's own events.
/// </summary>
internal sealed class DispatchSummaryProjection : ISetProjection
{
    public const string ProjectionName = "DispatchSummary";

    private const long Long = 20_000;

    public string Name => ProjectionName;

    // 2: by funnel.
    public int Version => 2;

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [
        typeof(ConversionReceived),
        typeof(ConversionStateChanged),
        typeof(ConversionMatched),
        typeof(ConversionUnmatched),
        typeof(DispatchRequested),
        typeof(DispatchSkipped),
        typeof(DispatchSucceeded),
        typeof(DispatchFailed),
        typeof(DispatchDeadLettered),
        typeof(DispatchRedriven),
    ];

    public IReadOnlyList<string> Tables { get; } = ["conversion_daily", "dispatch_attempt_daily"];

    public async Task<SetChange> ReadAsync(LogRange range, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(range.UpTo - range.After > Long ? SummarySql.HashingMuch : SummarySql.Hashing),
                Over(range, SummarySql.Moves),
                Over(range, SummarySql.Attempts),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var (moves, events) = await ReadMovesAsync(reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var attempts = await ReadAttemptsAsync(reader, cancellationToken);
        return new SetChange(events, (write, token) => WriteAsync(moves, attempts, write, token));
    }

    private static NpgsqlBatchCommand Over(LogRange range, string sql) =>
        new(sql)
        {
            Parameters =
            {
                new() { Value = range.After },
                new() { Value = range.UpTo },
                new() { Value = range.Skipped.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            },
        };

    private static async Task<(List<Move> Moves, long Events)> ReadMovesAsync(NpgsqlDataReader row, CancellationToken cancellationToken)
    {
        var moves = new List<Move>();
        var events = 0L;
        while (await row.ReadAsync(cancellationToken))
        {
            moves.Add(
                new Move(
                    row.GetString(0),
                    row.GetFieldValue<DateOnly>(1),
                    row.GetString(2),
                    row.GetString(3),
                    NameOf<ConversionKind>(row.GetString(4)),
                    NameOf<PaymentState>(row.GetString(5)),
                    row.GetString(6),
                    row.GetString(7) is Move.Undecided or Move.Unmatched ? row.GetString(7) : NameOf<MatchRule>(row.GetString(7)),
                    row.GetString(8),
                    row.GetString(9),
                    row.GetInt64(10),
                    row.GetDecimal(11)
                )
            );
            events = row.GetInt64(12);
        }

        return (moves, events);
    }

    private static string NameOf<TEnum>(string member)
        where TEnum : struct, Enum =>
        Named<TEnum>.OfText(member)
        ?? throw new UnreadableEventException($"'{member}' is no {typeof(TEnum).Name} that this program knows.");

    private static async Task<List<Tries>> ReadAttemptsAsync(NpgsqlDataReader row, CancellationToken cancellationToken)
    {
        var tries = new List<Tries>();
        while (await row.ReadAsync(cancellationToken))
            tries.Add(
                new Tries(
                    row.GetString(0),
                    row.GetFieldValue<DateOnly>(1),
                    row.GetString(2),
                    row.GetString(3),
                    row.GetString(4),
                    row.GetInt32(5),
                    row.GetInt64(6),
                    row.GetDecimal(7)
                )
            );
        return tries;
    }

    // What is in these rows depends on the log alone, not on how it was cut into pages: no empty cell stays, no scale of a number that is gone.
    private static async Task WriteAsync(
        List<Move> moves,
        List<Tries> tries,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var batch = new NpgsqlBatch(connection);
        Cells(moves)
            .Long("conversions", row => row.Conversions)
            .Number("amount", row => row.Amount)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into conversion_daily as d ({rows.Names})
                        select {rows.Names.Replace(
                            "amount",
                            "trim_scale(amount)",
                            StringComparison.Ordinal
                        )} from {rows.Unnest} n({rows.Names})
                        order by tenant_id, date, gateway, funnel_id, kind, state, currency, match, dispatch_status, dispatch_reason
                        on conflict (tenant_id, date, gateway, funnel_id, kind, state, currency, match, dispatch_status, dispatch_reason)
                        do update set conversions = d.conversions + excluded.conversions, amount = trim_scale(d.amount + excluded.amount)
                        """
            );
        Cells([.. moves.Where(move => move.Conversions < 0)])
            .WriteTo(
                batch,
                rows =>
                    $"""
                        delete from conversion_daily d using {rows.Unnest} n({rows.Names})
                        where ({rows.NamesOf("d")}) = ({rows.NamesOf("n")}) and d.conversions = 0
                        """
            );
        new Rows<Tries>(tries)
            .Text("tenant_id", row => row.TenantId)
            .Date("date", row => row.Date)
            .Text("gateway", row => row.Gateway)
            .Text("status", row => row.Status)
            .Text("reason", row => row.Reason)
            .Int("latency_bucket", row => row.LatencyBucket)
            .Long("attempts", row => row.Attempts)
            .Number("latency_ms", row => row.LatencyMs)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into dispatch_attempt_daily as d ({rows.Names}) select * from {rows.Unnest} order by 1, 2, 3, 4, 5, 6
                        on conflict (tenant_id, date, gateway, status, reason, latency_bucket)
                        do update set attempts = d.attempts + excluded.attempts, latency_ms = trim_scale(d.latency_ms + excluded.latency_ms)
                        """
            );
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static Rows<Move> Cells(IReadOnlyCollection<Move> moves) =>
        new Rows<Move>(moves)
            .Text("tenant_id", row => row.TenantId)
            .Date("date", row => row.Date)
            .Text("gateway", row => row.Gateway)
            .Text("funnel_id", row => row.FunnelId)
            .Text("kind", row => row.Kind)
            .Text("state", row => row.State)
            .Text("currency", row => row.Currency)
            .Text("match", row => row.Match)
            .Text("dispatch_status", row => row.DispatchStatus)
            .Text("dispatch_reason", row => row.DispatchReason);

    /// <summary>What a cell gains or loses.</summary>
    private sealed record Move(
        string TenantId,
        DateOnly Date,
        string Gateway,
        string FunnelId,
        string Kind,
        string State,
        string Currency,
        string Match,
        string DispatchStatus,
        string DispatchReason,
        long Conversions,
        decimal Amount
    )
    {
        public const string Undecided = "undecided";
        public const string Unmatched = "unmatched";
    }

    private sealed record Tries(
        string TenantId,
        DateOnly Date,
        string Gateway,
        string Status,
        string Reason,
        int LatencyBucket,
        long Attempts,
        decimal LatencyMs
    );
}
