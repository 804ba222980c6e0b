using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
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

    private static Answer Summed(
        Period period,
        string? gateway,
        IReadOnlyList<Conversions> conversions,
        IReadOnlyList<Attempts> attempts
    ) =>
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
            AttemptTotals.Of(attempts)
        );

    private static async Task<IReadOnlyList<Conversions>> ReadConversionsAsync(
        FigureScope scope,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        await using var select = dataSource.Over(
            scope,
            """
            select date, gateway, dispatch_status, dispatch_reason, sum(conversions)::bigint
            from conversion_daily
            where tenant_id = $1 and date between $2 and $3 and ($4 is null or gateway = $4)
            group by date, gateway, dispatch_status, dispatch_reason
            order by date, gateway, dispatch_status, dispatch_reason
            """
        );
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        var rows = new List<Conversions>();
        while (await row.ReadAsync(cancellationToken))
            rows.Add(new(row.GetFieldValue<DateOnly>(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt64(4)));
        return rows;
    }

    private static async Task<IReadOnlyList<Attempts>> ReadAttemptsAsync(
        FigureScope scope,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        await using var select = dataSource.Over(
            scope,
            """
            select status, reason, latency_bucket, sum(attempts)::bigint, sum(latency_ms)
            from dispatch_attempt_daily
            where tenant_id = $1 and date between $2 and $3 and ($4 is null or gateway = $4)
            group by status, reason, latency_bucket
            order by latency_bucket, status, reason
            """
        );
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        var rows = new List<Attempts>();
        while (await row.ReadAsync(cancellationToken))
            rows.Add(new(row.GetString(0), row.GetString(1), row.GetInt32(2), row.GetInt64(3), row.GetDecimal(4)));
        return rows;
    }

    internal sealed record Conversions(DateOnly Date, string Gateway, string Status, string Reason, long Count);

    internal sealed record Attempts(string Status, string Reason, int Bucket, long Count, decimal LatencyMs);

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
        public static AttemptTotals Of(IReadOnlyList<Attempts> rows)
        {
            var answered = rows.Where(row => row.Bucket >= 0).ToArray();
            var count = answered.Sum(row => row.Count);
            return new(
                rows.Sum(row => row.Count),
                In(DispatchStatus.Sent),
                In(DispatchStatus.Failed),
                In(DispatchStatus.Dead),
                count == 0 ? null : Math.Round(answered.Sum(row => row.LatencyMs) / count, 3),
                Percentile(answered, 0.5),
                Percentile(answered, 0.95)
            );

            long In(string status) => rows.Where(row => row.Status == status).Sum(row => row.Count);
        }

        private static double? Percentile(Attempts[] byBucket, double share)
        {
            var needed = share * byBucket.Sum(row => row.Count);
            var upToHere = 0L;
            foreach (var row in byBucket)
            {
                upToHere += row.Count;
                if (upToHere >= needed)
                    return Math.Round(Math.Pow(1.2, row.Bucket), 3);
            }

            return null;
        }
    }
}
