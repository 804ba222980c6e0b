using System.Runtime.InteropServices;
using Npgsql;
using TrackAi.Analytics.Days;
using TrackAi.Contracts;

namespace TrackAi.Analytics;

/// <inheritdoc/>
internal sealed class ReadMatches(NpgsqlDataSource dataSource) : IReadMatches
{
    private const int MostPlaces = 10;

    public async Task<MatchReport> ReportAsync(FigureScope scope, CancellationToken cancellationToken = default)
    {
        var sums = new Dictionary<(string FunnelId, string Campaign, bool Matched, string Outcome), long>();
        foreach (var (_, cell, sum) in await MatchReasonDays.Table.ReadAsync([scope], withAmounts: false, dataSource, cancellationToken))
            CollectionsMarshal.GetValueRefOrAddDefault(sums, (cell.FunnelId, cell.Campaign, cell.Matched, cell.Outcome), out _) +=
                sum.Count;
        Cell[] cells = [.. sums.Select(one => new Cell(one.Key.FunnelId, one.Key.Campaign, one.Key.Matched, one.Key.Outcome, one.Value))];
        return Ranked(cells);
    }

    private static MatchReport Ranked(IReadOnlyList<Cell> cells)
    {
        Cell[] unmatched = [.. cells.Where(cell => !cell.Matched && cell.Conversions != 0)];
        var all = unmatched.Sum(cell => cell.Conversions);
        return new MatchReport(
            cells.Sum(cell => cell.Conversions),
            all,
            [
                .. unmatched
                    .GroupBy(cell => cell.Outcome, StringComparer.Ordinal)
                    .Select(cause => (cause.Key, Count: cause.Sum(cell => cell.Conversions), Cells: cause.ToArray()))
                    .Where(cause => cause.Count > 0)
                    .OrderByDescending(cause => cause.Count)
                    .ThenBy(cause => cause.Key, StringComparer.Ordinal)
                    .Select(cause => new UnmatchedCause(
                        cause.Key,
                        cause.Count,
                        Percent(cause.Count, all),
                        UnmatchedCauses.Sentence(cause.Key, Percent(cause.Count, all), where: null),
                        [
                            .. Places("funnel", cause.Key, cause.Cells, unmatched, static cell => cell.FunnelId),
                            .. Places("campaign", cause.Key, cause.Cells, unmatched, static cell => cell.Campaign),
                        ]
                    )),
            ]
        );
    }

    private static IEnumerable<UnmatchedPlace> Places(
        string kind,
        string cause,
        IEnumerable<Cell> cells,
        IReadOnlyList<Cell> unmatched,
        Func<Cell, string> of
    ) =>
        cells
            .Where(cell => of(cell).Length > 0)
            .GroupBy(of, StringComparer.Ordinal)
            .Select(place => (Name: place.Key, Count: place.Sum(cell => cell.Conversions)))
            .OrderByDescending(place => place.Count)
            .ThenBy(place => place.Name, StringComparer.Ordinal)
            .Take(MostPlaces)
            .Select(place =>
            {
                var share = Percent(place.Count, unmatched.Where(cell => of(cell) == place.Name).Sum(cell => cell.Conversions));
                return new UnmatchedPlace(
                    kind,
                    place.Name,
                    place.Count,
                    share,
                    UnmatchedCauses.Sentence(cause, share, $"{kind} {place.Name}")
                );
            });

    private static decimal Percent(long part, long whole) => whole == 0 ? 0 : Math.Round(100m * part / whole, 2);

    private sealed record Cell(string FunnelId, string Campaign, bool Matched, string Outcome, long Conversions);
}
