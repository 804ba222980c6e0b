using System.Globalization;
using NpgsqlTypes;
using TrackAi.Analytics.Projections;

namespace TrackAi.Analytics.Days;

/// <summary>What an attempt is counted by, on the day of the attempt.</summary>
/// <param name="LatencyBucket">See <see cref="Latency"/>.</param>
internal readonly record struct AttemptCell(string Gateway, string Status, string Reason, int LatencyBucket)
{
    public bool IsAnswered => LatencyBucket != Latency.NoAnswer;
}

/// <summary><c>attempt_day</c>: how the attempts of a day ended, and how long Meta took.</summary>
internal static class AttemptDays
{
    public static readonly DayTable<AttemptCell> Table = new(
        "attempt_day",
        new CellTable<AttemptCell>(
            "attempt_cell",
            cell => [cell.Gateway, cell.Status, cell.Reason, cell.LatencyBucket.ToString(CultureInfo.InvariantCulture)],
            rows =>
                rows.Text("gateway", one => one.Value.Gateway)
                    .Text("status", one => one.Value.Status)
                    .Text("reason", one => one.Value.Reason)
                    .Int("latency_bucket", one => one.Value.LatencyBucket),
            row => new(row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt32(4))
        ),
        (scope, cell) => scope.Gateway is null || scope.Gateway == cell.Gateway,
        "attempts",
        "latencies",
        new DayFigures<AttemptCell>(
            [("total", NpgsqlDbType.Bigint), ("latency_avg_ms", NpgsqlDbType.Numeric), ("latency_p95_ms", NpgsqlDbType.Numeric)],
            cells =>
            {
                var latencies = new Latencies(cells);
                return [cells.Sum(one => one.Sum.Count), latencies.Average + 0.000m, latencies.Percentile(0.95)];
            }
        )
    );
}

/// <summary>How long Meta took to answer, of attempts that got one.</summary>
internal sealed class Latencies(IEnumerable<(AttemptCell Cell, DaySum Sum)> cells)
{
    private readonly (int Bucket, DaySum Sum)[] byBucket =
    [
        .. cells.Where(one => one.Cell.IsAnswered).OrderBy(one => one.Cell.LatencyBucket).Select(one => (one.Cell.LatencyBucket, one.Sum)),
    ];

    /// <summary>Milliseconds to three decimals; null without an answer.</summary>
    public decimal? Average =>
        byBucket.Sum(one => one.Sum.Count) is not 0 and var count
            ? Math.Round(byBucket.Sum(one => one.Sum.Amount) / count, 3, MidpointRounding.AwayFromZero)
            : null;

    /// <summary>Milliseconds that a share of the answers did not exceed, at most 20 % above the true figure; null without an answer.</summary>
    public decimal? Percentile(double share)
    {
        var needed = share * byBucket.Sum(one => one.Sum.Count);
        var upToHere = 0L;
        foreach (var (bucket, sum) in byBucket)
        {
            upToHere += sum.Count;
            if (upToHere >= needed)
                return (decimal)Math.Round(Math.Pow(Latency.Step, bucket), 3);
        }

        return null;
    }
}
