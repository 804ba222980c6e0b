using System.Runtime.InteropServices;
using Npgsql;
using NpgsqlTypes;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Builds the figures a day. Every conversion is in exactly one cell: a stretch of the log takes each conversion it touches out of the cell it was in
/// before and puts it into the one it is in after, both told from the conversion's own events by the rules of <see cref="StatusFold"/>.
/// </summary>
internal sealed class DispatchSummaryProjection : ISetProjection
{
    public const string ProjectionName = "DispatchSummary";

    public string Name => ProjectionName;

    // 2: by funnel.
    public int Version => 2;

    public IReadOnlyCollection<Type> EventTypes => StatusReader.Figures.EventTypes;

    public IReadOnlyList<string> Tables { get; } = ["conversion_daily", "dispatch_attempt_daily"];

    public async Task<SetChange> ReadAsync(LogRange range, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var fold = new StatusFold();
        var begun = new Dictionary<ConversionKey, Begun>();
        var (events, tried) = (0L, new List<Tried>());
        await foreach (var (stream, version, said) in StatusReader.Figures.ReadAsync(range, connection, cancellationToken))
        {
            events++;
            if (said is not ConversionFact fact)
                continue;
            if (fact is Tried one)
                tried.Add(one);
            var standing = fold.Of(fact.Key, out var isNew);
            if (isNew && version > 1)
                begun.Add(fact.Key, new Begun(new StreamBefore(stream, version), []));
            if (begun.Count > 0 && begun.TryGetValue(fact.Key, out var waits))
                waits.Facts.Add(fact);
            else
                standing.Apply(fact);
        }

        await ApplyAsync(begun, fold, range.Skipped, connection, cancellationToken);
        var days = await TenantDays.OfLogAsync(fold.Standings.Keys.Select(key => key.TenantId), connection, cancellationToken);
        var (moves, tries) = (MovesOf(fold, days), TriesOf(tried, days));
        return new SetChange(events, (write, token) => WriteAsync(moves, tries, write, token));
    }

    // Of conversions that began before the stretch, first what they were.
    private static async Task ApplyAsync(
        Dictionary<ConversionKey, Begun> begun,
        StatusFold fold,
        IReadOnlyList<long> skipped,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        if (begun.Count == 0)
            return;
        var before = begun.Values.Select(one => one.Before).ToArray();
        await foreach (var older in StatusReader.Figures.ReadBeforeAsync(before, skipped, connection, cancellationToken))
            if (older.Fact is ConversionFact fact)
                fold.Apply(fact);
        foreach (var (key, one) in begun)
        {
            var standing = fold.Standings[key];
            standing.Settle();
            foreach (var fact in one.Facts)
                standing.Apply(fact);
        }
    }

    private static List<Move> MovesOf(StatusFold fold, TenantDays days)
    {
        var cells = new Dictionary<Cell, (long Conversions, decimal Amount)>();
        foreach (var (key, standing) in fold.Standings)
        {
            Add(key, standing.Before, -1);
            Add(key, standing.Now, 1);
        }

        return
        [
            .. cells
                .Where(cell => cell.Value is not (0, 0m))
                .Select(cell => new Move(cell.Key, cell.Value.Conversions, Decimals.Trimmed(cell.Value.Amount))),
        ];

        void Add(ConversionKey key, ConversionState? conversion, int sign)
        {
            if (conversion is null)
                return;
            var cell = Cell.Of(key.TenantId, days.DayOf(key.TenantId, conversion.ReceivedAt), conversion);
            ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(cells, cell, out _);
            sum = (sum.Conversions + sign, sum.Amount + sign * conversion.Amount);
        }
    }

    private static List<Tries> TriesOf(IEnumerable<Tried> tried, TenantDays days) =>
        [
            .. tried
                .GroupBy(one => new TriedCell(
                    one.TenantId,
                    days.DayOf(one.TenantId, one.AttemptedAt),
                    one.Gateway,
                    one.Status,
                    one.Reason ?? "",
                    one.IsAnswered ? Latency.Bucket(one.LatencyMs) : Latency.NoAnswer
                ))
                .Select(cell => new Tries(
                    cell.Key,
                    cell.LongCount(),
                    Decimals.Trimmed(cell.Sum(one => Latency.Milliseconds(one.LatencyMs)))
                )),
        ];

    // What is in these rows depends on the log alone, not on how it was cut into pages: no empty cell stays, no scale of a number that is gone.
    private static async Task WriteAsync(
        List<Move> moves,
        List<Tries> tries,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var isNewMove = await NewDaysAsync("conversion_daily", moves, move => move.Cell.TenantId, connection, cancellationToken);
        var isNewTry = await NewDaysAsync("dispatch_attempt_daily", tries, one => one.Cell.TenantId, connection, cancellationToken);
        var byNewMove = moves.ToLookup(move => isNewMove(move.Cell.TenantId, move.Cell.Date));
        var byNewTry = tries.ToLookup(one => isNewTry(one.Cell.TenantId, one.Cell.Date));

        await using var batch = new NpgsqlBatch(connection);
        Counted(byNewMove[true]).InsertTo(batch, "conversion_daily");
        Counted(byNewMove[false])
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into conversion_daily as d ({rows.Names}) select * from {rows.Unnest} order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
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
        Tried(byNewTry[true]).InsertTo(batch, "dispatch_attempt_daily");
        Tried(byNewTry[false])
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

    // Going over a long log most cells are of days that their tenant has no figures of yet: new for certain, they need no look at what is there.
    private static async Task<Func<string, DateOnly, bool>> NewDaysAsync<TRow>(
        string table,
        IReadOnlyCollection<TRow> rows,
        Func<TRow, string> tenantOf,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        if (rows.Count < Rows.Many)
            return (_, _) => false;
        await using var select = new NpgsqlCommand(
            $"select t.tenant_id, (select max(d.date) from {table} d where d.tenant_id = t.tenant_id) from unnest($1) t(tenant_id)",
            connection
        )
        {
            Parameters =
            {
                new()
                {
                    Value = rows.Select(tenantOf).Distinct(StringComparer.Ordinal).ToArray(),
                    NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
                },
            },
        };
        var latest = new Dictionary<string, DateOnly>(StringComparer.Ordinal);
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            if (row.ValueOrNull<DateOnly>(1) is { } date)
                latest.Add(row.GetString(0), date);
        return (tenant, date) => !latest.TryGetValue(tenant, out var known) || date > known;
    }

    private static Rows<Tries> Tried(IEnumerable<Tries> tries) =>
        new Rows<Tries>([.. tries])
            .Text("tenant_id", row => row.Cell.TenantId)
            .Date("date", row => row.Cell.Date)
            .Text("gateway", row => row.Cell.Gateway)
            .Text("status", row => row.Cell.Status)
            .Text("reason", row => row.Cell.Reason)
            .Int("latency_bucket", row => row.Cell.LatencyBucket)
            .Long("attempts", row => row.Attempts)
            .Number("latency_ms", row => row.LatencyMs);

    private static Rows<Move> Counted(IEnumerable<Move> moves) =>
        Cells([.. moves]).Long("conversions", row => row.Conversions).Number("amount", row => row.Amount);

    private static Rows<Move> Cells(IReadOnlyCollection<Move> moves) =>
        new Rows<Move>(moves)
            .Text("tenant_id", row => row.Cell.TenantId)
            .Date("date", row => row.Cell.Date)
            .Text("gateway", row => row.Cell.Gateway)
            .Text("funnel_id", row => row.Cell.FunnelId)
            .Text("kind", row => row.Cell.Kind)
            .Text("state", row => row.Cell.State)
            .Text("currency", row => row.Cell.Currency)
            .Text("match", row => row.Cell.Match)
            .Text("dispatch_status", row => row.Cell.DispatchStatus)
            .Text("dispatch_reason", row => row.Cell.DispatchReason);

    /// <summary>What is to be applied to a conversion once it is known what it was.</summary>
    private readonly record struct Begun(StreamBefore Before, List<ConversionFact> Facts);

    private readonly record struct Cell(
        string TenantId,
        DateOnly Date,
        string Gateway,
        string FunnelId,
        string Kind,
        string State,
        string Currency,
        string Match,
        string DispatchStatus,
        string DispatchReason
    )
    {
        private const string Undecided = "undecided";
        private const string Unmatched = "unmatched";

        public static Cell Of(string tenant, DateOnly date, ConversionState conversion) =>
            new(
                tenant,
                date,
                conversion.Gateway,
                conversion.FunnelId ?? "",
                conversion.Kind,
                conversion.State,
                conversion.Currency,
                conversion.Matched switch
                {
                    null => Undecided,
                    false => Unmatched,
                    true => conversion.MatchRule!,
                },
                conversion.DispatchStatus,
                conversion.DispatchReason ?? ""
            );
    }

    /// <summary>What a cell gains or loses.</summary>
    private readonly record struct Move(Cell Cell, long Conversions, decimal Amount);

    private readonly record struct TriedCell(
        string TenantId,
        DateOnly Date,
        string Gateway,
        string Status,
        string Reason,
        int LatencyBucket
    );

    private readonly record struct Tries(TriedCell Cell, long Attempts, decimal LatencyMs);
}
