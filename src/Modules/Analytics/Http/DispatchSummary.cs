using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using TrackAi.Analytics.Days;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Http;

/// <summary>
/// GET /api/v1/analytics/dispatch-summary: what became of the conversions that reached us in a period. Every conversion is in exactly one status,
/// so the statuses add up to what was received.
/// </summary>
internal static class DispatchSummary
{
    public static async Task<Ok<Answer>> HandleAsync(
        string? period,
        string? from,
        string? to,
        string? gateway,
        HttpContext http,
        Periods periods,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        var tenant = Caller.TenantOf(http);
        var days = periods.Read(tenant, period, from, to);
        var only = Parameters.Gateway(gateway);

        var scope = new FigureScope(tenant, days.From, days.To, only);
        // Each on a connection of its own: they have nothing to do with each other.
        var conversions = ReadConversionsAsync(scope, dataSource, cancellationToken);
        var attempts = ReadAttemptsAsync(scope, dataSource, cancellationToken);
        await Task.WhenAll(conversions, attempts);
        return TypedResults.Ok(Summed(days, only, await conversions, await attempts));
    }

    private static Answer Summed(Period period, string? gateway, IReadOnlyList<Conversions> conversions, AttemptTotals attempts) =>
        new(
            period.Answer,
            gateway,
            Totals.Of(conversions),
            [
                .. conversions
                    .GroupBy(row => (row.Date, row.Gateway, row.Status))
                    .Select(group => new DayRow(group.Key.Date, group.Key.Gateway, group.Key.Status, group.Sum(row => row.Count))),
            ],
            [
                .. conversions
                    .Where(row => row.Reason.Length > 0)
                    .GroupBy(row => (row.Status, row.Reason))
                    .Select(group => new ReasonRow(group.Key.Status, group.Key.Reason, group.Sum(row => row.Count)))
                    .OrderByDescending(row => row.Conversions)
                    .ThenBy(row => row.Reason, StringComparer.Ordinal),
            ],
            attempts
        );

    private static async Task<IReadOnlyList<Conversions>> ReadConversionsAsync(
        FigureScope scope,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        var sums = new Dictionary<(DateOnly Date, string Gateway, string Status, string Reason), long>();
        foreach (var (day, cell, sum) in await ConversionDays.Table.ReadAsync([scope], withAmounts: false, dataSource, cancellationToken))
            CollectionsMarshal.GetValueRefOrAddDefault(sums, (day.Date, cell.Gateway, cell.DispatchStatus, cell.DispatchReason), out _) +=
                sum.Count;
        return
        [
            .. sums.Select(one => new Conversions(one.Key.Date, one.Key.Gateway, one.Key.Status, one.Key.Reason, one.Value))
                .OrderBy(row => row.Date)
                .ThenBy(row => row.Gateway, StringComparer.Ordinal)
                .ThenBy(row => row.Status, StringComparer.Ordinal)
                .ThenBy(row => row.Reason, StringComparer.Ordinal),
        ];
    }

    private static async Task<AttemptTotals> ReadAttemptsAsync(
        FigureScope scope,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        var sums = new Dictionary<AttemptCell, DaySum>();
        foreach (var (_, cell, sum) in await AttemptDays.Table.ReadAsync([scope], withAmounts: true, dataSource, cancellationToken))
            CollectionsMarshal.GetValueRefOrAddDefault(sums, cell, out _) += sum;
        return AttemptTotals.Of([.. sums.Select(one => (one.Key, one.Value))]);
    }

    internal sealed record Conversions(DateOnly Date, string Gateway, string Status, string Reason, long Count);

    /// <param name="Gateway">The one asked for; null for all.</param>
    /// <param name="Days">By the day the conversion reached us; nothing for a day, gateway and status without any.</param>
    /// <param name="Reasons">Why conversions were skipped, given up or are being tried again, the most frequent first.</param>
    internal sealed record Answer(
        PeriodAnswer Period,
        string? Gateway,
        Totals Totals,
        IReadOnlyList<DayRow> Days,
        IReadOnlyList<ReasonRow> Reasons,
        AttemptTotals Attempts
    );

    /// <param name="Failed">The last attempt failed and another one is due.</param>
    /// <param name="Dead">Given up.</param>
    /// <param name="SuccessRatePct">Sent, of those that were sent, failed or are dead; null without any.</param>
    internal sealed record Totals(long Received, long Sent, long Waiting, long Failed, long Skipped, long Dead, decimal? SuccessRatePct)
    {
        public static Totals Of(IReadOnlyList<Conversions> rows)
        {
            var (sent, failed, dead) = (In(DispatchStatus.Sent), In(DispatchStatus.Failed), In(DispatchStatus.Dead));
            return new(
                rows.Sum(row => row.Count),
                sent,
                In(DispatchStatus.Waiting),
                failed,
                In(DispatchStatus.Skipped),
                dead,
                Figures.Percent(sent, sent + failed + dead)
            );

            long In(string status) => rows.Where(row => row.Status == status).Sum(row => row.Count);
        }
    }

    internal sealed record DayRow(DateOnly Date, string Gateway, string Status, long Conversions);

    internal sealed record ReasonRow(string Status, string Reason, long Conversions);

    /// <summary>Single tries, by the day of the try.</summary>
    /// <param name="LatencyP50Ms">At most 20 % above the true one; null without an answer.</param>
    internal sealed record AttemptTotals(
        long Total,
        long Sent,
        long Failed,
        long Dead,
        decimal? LatencyAvgMs,
        double? LatencyP50Ms,
        double? LatencyP95Ms
    )
    {
        public static AttemptTotals Of(IReadOnlyList<(AttemptCell Cell, DaySum Sum)> attempts)
        {
            var latencies = new Latencies(attempts);
            return new(
                attempts.Sum(one => one.Sum.Count),
                In(DispatchStatus.Sent),
                In(DispatchStatus.Failed),
                In(DispatchStatus.Dead),
                latencies.Average,
                (double?)latencies.Percentile(0.5),
                (double?)latencies.Percentile(0.95)
            );

            long In(string status) => attempts.Where(one => one.Cell.Status == status).Sum(one => one.Sum.Count);
        }
    }
}
