using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using TrackAi.Analytics.Days;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Http;

/// <summary>
/// GET /api/v1/analytics/match-rate: how many of the conversions of a period could be joined to a click. The rate is of those that were decided,
/// so it lies between 0 and 100.
/// </summary>
internal static class MatchRate
{
    public static async Task<Ok<Answer>> HandleAsync(
        string? period,
        string? from,
        string? to,
        string? gateway,
        HttpContext http,
        Periods periods,
        NpgsqlDataSource dataSource,
        IReadMatches matches,
        CancellationToken cancellationToken
    )
    {
        var tenant = Caller.TenantOf(http);
        var days = periods.Read(tenant, period, from, to);
        var only = Parameters.Gateway(gateway);
        var scope = new FigureScope(tenant, days.From, days.To, only);
        // Each on a connection of its own: they have nothing to do with each other.
        var report = matches.ReportAsync(scope, cancellationToken);
        var sums = ReadAsync(scope, dataSource, cancellationToken);
        await Task.WhenAll(report, sums);
        var (rows, gateways) = await sums;
        var totals = Counts.Of(rows);
        return TypedResults.Ok(
            new Answer(
                days.Answer,
                only,
                totals,
                [
                    .. rows.Where(row => row.Match is not (ConversionCell.Undecided or ConversionCell.Unmatched))
                        .GroupBy(row => row.Match, StringComparer.Ordinal)
                        .Select(rule => new RuleRow(
                            rule.Key,
                            rule.Sum(row => row.Count),
                            Figures.Percent(rule.Sum(row => row.Count), totals.Decided)
                        ))
                        .OrderByDescending(rule => rule.Conversions)
                        .ThenBy(rule => rule.Rule, StringComparer.Ordinal),
                ],
                [.. rows.GroupBy(row => row.Date).Select(day => DayRow.Of(day.Key, Counts.Of([.. day])))],
                gateways,
                (await report).Causes
            )
        );
    }

    // Both are sums over the same cells, which are gone through once.
    private static async Task<(IReadOnlyList<Row> Days, IReadOnlyList<GatewayRow> Gateways)> ReadAsync(
        FigureScope scope,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        var days = new Dictionary<(DateOnly Date, string Match), long>();
        var gateways = new Dictionary<(string Gateway, string Match), long>();
        var revenues = new Dictionary<(string Gateway, string Match, string Currency), decimal>();
        foreach (var (day, cell, sum) in await ConversionDays.Table.ReadAsync([scope], withAmounts: true, dataSource, cancellationToken))
        {
            if (cell.IsTest)
                continue;
            CollectionsMarshal.GetValueRefOrAddDefault(days, (day.Date, cell.Match), out _) += sum.Count;
            if (cell.Match == ConversionCell.Undecided)
                continue;
            CollectionsMarshal.GetValueRefOrAddDefault(gateways, (cell.Gateway, cell.Match), out _) += sum.Count;
            if (cell.IsPaid)
                CollectionsMarshal.GetValueRefOrAddDefault(revenues, (cell.Gateway, cell.Match, cell.Currency), out _) += sum.Amount;
        }

        return (
            [
                .. days.OrderBy(one => one.Key.Date)
                    .ThenBy(one => one.Key.Match, StringComparer.Ordinal)
                    .Select(one => new Row(one.Key.Date, one.Key.Match, one.Value)),
            ],
            [
                .. gateways
                    .OrderBy(one => one.Key.Gateway, StringComparer.Ordinal)
                    .ThenBy(one => one.Key.Match, StringComparer.Ordinal)
                    .Select(one => new GatewayRow(
                        one.Key.Gateway,
                        one.Key.Match,
                        one.Value,
                        revenues
                            .Where(revenue => (revenue.Key.Gateway, revenue.Key.Match) == one.Key && revenue.Value != 0)
                            .OrderBy(revenue => revenue.Key.Currency, StringComparer.Ordinal)
                            .ToDictionary(revenue => revenue.Key.Currency, revenue => revenue.Value, StringComparer.Ordinal)
                    )),
            ]
        );
    }

    internal sealed record Row(DateOnly Date, string Match, long Count);

    /// <param name="Gateway">The one asked for; null for all.</param>
    /// <param name="Gateways">By gateway and rule.</param>
    /// <param name="UnmatchedReasons">Why the others were not joined, the most frequent cause first.</param>
    /// <param name="Rules">Which rule joined how many, the most frequent first; its share is of all that were decided.</param>
    internal sealed record Answer(
        PeriodAnswer Period,
        string? Gateway,
        Counts Totals,
        IReadOnlyList<RuleRow> Rules,
        IReadOnlyList<DayRow> Days,
        IReadOnlyList<GatewayRow> Gateways,
        IReadOnlyList<UnmatchedCause> UnmatchedReasons
    );

    /// <param name="Rule">Or <c>unmatched</c>.</param>
    /// <param name="Revenue">Of what is paid, by currency.</param>
    internal sealed record GatewayRow(string Gateway, string Rule, long Conversions, IReadOnlyDictionary<string, decimal> Revenue);

    /// <param name="Undecided">Received, and not yet looked at.</param>
    /// <param name="MatchRatePct">Of those decided; null without any.</param>
    internal sealed record Counts(long Conversions, long Matched, long Unmatched, long Undecided, decimal? MatchRatePct)
    {
        internal long Decided => Matched + Unmatched;

        public static Counts Of(IReadOnlyList<Row> rows)
        {
            var (all, unmatched, undecided) = (rows.Sum(row => row.Count), In(ConversionCell.Unmatched), In(ConversionCell.Undecided));
            var matched = all - unmatched - undecided;
            return new(all, matched, unmatched, undecided, Figures.Percent(matched, matched + unmatched));

            long In(string match) => rows.Where(row => row.Match == match).Sum(row => row.Count);
        }
    }

    internal sealed record RuleRow(string Rule, long Conversions, decimal? SharePct);

    internal sealed record DayRow(DateOnly Date, long Conversions, long Matched, long Unmatched, long Undecided, decimal? MatchRatePct)
    {
        public static DayRow Of(DateOnly date, Counts counts) =>
            new(date, counts.Conversions, counts.Matched, counts.Unmatched, counts.Undecided, counts.MatchRatePct);
    }
}
