using TrackAi.Contracts;

namespace TrackAi.Dashboard.Figures;

/// <summary>A number, what it was in the period before, and how it went day by day.</summary>
/// <param name="MoreIsBetter">Null where neither is.</param>
internal sealed record Card(decimal? Value, decimal? Before, IReadOnlyList<double> Days, bool? MoreIsBetter)
{
    /// <summary>In percent of what it was; null where that says nothing.</summary>
    public decimal? ChangePct => Value is { } now && Before is { } then && then != 0 ? Math.Round(100 * (now - then) / then, 1) : null;
}

internal sealed record Revenue(string Currency, Card Net, decimal Gross);

internal sealed record DayRow(DateOnly Date, long Received, long Matched, long Sent);

internal sealed record Share(string Name, long Count, decimal Percent);

internal sealed record LedgerLine(long Received, long Sent, long Skipped, long Dead, long Waiting)
{
    public bool Balances => Received == Sent + Skipped + Dead + Waiting;
}

/// <summary>What the overview shows, worked out of the cells of a period and of the one before. Pure.</summary>
internal sealed record OverviewFigures(
    Card Received,
    Card Sent,
    Card SuccessPct,
    Card MatchPct,
    Card Waiting,
    Card Dead,
    Card P95Seconds,
    IReadOnlyList<Revenue> Revenue,
    IReadOnlyList<DayRow> Days,
    IReadOnlyList<Share> Gateways,
    IReadOnlyList<Share> Funnels,
    IReadOnlyList<Share> Rules,
    LedgerLine Ledger
)
{
    private const string Test = "test";
    private const string Unmatched = "unmatched";
    private const string Undecided = "undecided";

    public static OverviewFigures Of(Span span, IReadOnlyList<FigureCell> cells, IReadOnlyList<DelaySample> delays)
    {
        var real = cells.Where(cell => cell.Kind != Test).ToArray();
        var byDay = real.ToLookup(cell => cell.Date);
        var now = real.Where(cell => span.Contains(cell.Date)).ToArray();
        var before = real.Where(cell => span.Before.Contains(cell.Date)).ToArray();

        Card CardOf(Func<IEnumerable<FigureCell>, decimal?> figure, bool? moreIsBetter) =>
            new(figure(now), figure(before), [.. span.All.Select(day => (double)(figure(byDay[day]) ?? 0))], moreIsBetter);

        return new(
            CardOf(some => Count(some), moreIsBetter: true),
            CardOf(some => Count(some, IsSent), moreIsBetter: true),
            CardOf(SuccessOf, moreIsBetter: true),
            CardOf(MatchOf, moreIsBetter: true),
            CardOf(some => Count(some, IsWaiting), moreIsBetter: null),
            CardOf(some => Count(some, cell => cell.Status == "dead"), moreIsBetter: false),
            DelayOf(span, delays),
            RevenueOf(span, real),
            [
                .. span.All.Select(day => new DayRow(
                    day,
                    Count(byDay[day]),
                    Count(byDay[day], cell => cell.Match is not (Unmatched or Undecided)),
                    Count(byDay[day], IsSent)
                )),
            ],
            Shares(now, cell => cell.Gateway),
            Shares(now, cell => cell.FunnelId),
            Shares(now.Where(cell => cell.Match != Undecided), cell => cell.Match),
            LedgerOf(now)
        );
    }

    private static bool IsSent(FigureCell cell) => cell.Status == "sent";

    // What failed is tried again.
    private static bool IsWaiting(FigureCell cell) => cell.Status is "waiting" or "failed";

    private static long Count(IEnumerable<FigureCell> cells, Func<FigureCell, bool>? which = null) =>
        (which is null ? cells : cells.Where(which)).Sum(cell => cell.Conversions);

    private static decimal? SuccessOf(IEnumerable<FigureCell> cells)
    {
        var tried = cells.Where(cell => cell.Status is "sent" or "failed" or "dead").ToArray();
        return PercentOf(Count(tried, IsSent), Count(tried));
    }

    private static decimal? MatchOf(IEnumerable<FigureCell> cells)
    {
        var decided = cells.Where(cell => cell.Match != Undecided).ToArray();
        return PercentOf(Count(decided, cell => cell.Match != Unmatched), Count(decided));
    }

    private static decimal? PercentOf(long part, long whole) => whole == 0 ? null : Math.Round(100m * part / whole, 1);

    private static Card DelayOf(Span span, IReadOnlyList<DelaySample> delays)
    {
        decimal? P95(Func<DateOnly, bool> which) =>
            Percentile([.. delays.Where(sample => which(sample.Date)).SelectMany(sample => sample.Seconds)]);
        return new(
            P95(span.Contains),
            P95(span.Before.Contains),
            [.. span.All.Select(day => (double)(P95(other => other == day) ?? 0))],
            MoreIsBetter: false
        );
    }

    private static decimal? Percentile(double[] seconds)
    {
        if (seconds.Length == 0)
            return null;
        Array.Sort(seconds);
        return (decimal)Math.Min(seconds[(int)Math.Ceiling(0.95 * seconds.Length) - 1], 1e9);
    }

    private static IReadOnlyList<Revenue> RevenueOf(Span span, IReadOnlyList<FigureCell> cells) =>
        [
            .. cells
                .GroupBy(cell => cell.Currency, StringComparer.Ordinal)
                .Select(currency => new Revenue(
                    currency.Key,
                    new Card(
                        Net(currency.Where(cell => span.Contains(cell.Date))),
                        Net(currency.Where(cell => span.Before.Contains(cell.Date))),
                        [.. span.All.Select(day => (double)Net(currency.Where(cell => cell.Date == day)))],
                        MoreIsBetter: true
                    ),
                    currency.Where(cell => span.Contains(cell.Date) && (IsPaid(cell) || IsReversed(cell))).Sum(cell => cell.Amount)
                ))
                .Where(revenue => revenue.Gross != 0 || revenue.Net.Before != 0)
                .OrderByDescending(revenue => revenue.Gross),
        ];

    private static decimal Net(IEnumerable<FigureCell> cells) => cells.Where(IsPaid).Sum(cell => cell.Amount);

    private static bool IsPaid(FigureCell cell) => cell.State is "approved" or "refund_requested";

    private static bool IsReversed(FigureCell cell) => cell.State is "refunded" or "charged_back";

    private static IReadOnlyList<Share> Shares(IEnumerable<FigureCell> cells, Func<FigureCell, string> by)
    {
        var groups = cells.GroupBy(by, StringComparer.Ordinal).Select(group => (group.Key, Count: Count(group))).ToArray();
        var all = groups.Sum(group => group.Count);
        return
        [
            .. groups
                .Where(group => group.Count > 0)
                .OrderByDescending(group => group.Count)
                .Select(group => new Share(group.Key, group.Count, PercentOf(group.Count, all) ?? 0)),
        ];
    }

    private static LedgerLine LedgerOf(IReadOnlyList<FigureCell> cells) =>
        new(
            Count(cells),
            Count(cells, IsSent),
            Count(cells, cell => cell.Status == "skipped"),
            Count(cells, cell => cell.Status == "dead"),
            Count(cells, IsWaiting)
        );
}
