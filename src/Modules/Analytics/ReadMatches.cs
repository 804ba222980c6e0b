using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Analytics;

/// <inheritdoc/>
internal sealed class ReadMatches(NpgsqlDataSource dataSource) : IReadMatches
{
    private const int MostPlaces = 10;

    public async Task<MatchReport> ReportAsync(FigureScope scope, CancellationToken cancellationToken = default)
    {
        var cells = new List<Cell>();
        await using var select = dataSource.Over(
            scope,
            """
            select funnel_id, campaign, matched, outcome, sum(conversions)::bigint
            from match_reason_daily
            where tenant_id = $1 and date between $2 and $3 and ($4 is null or gateway = $4) and ($5 is null or funnel_id = $5)
            group by funnel_id, campaign, matched, outcome
            """
        );
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            cells.Add(new(row.GetString(0), row.GetString(1), row.GetBoolean(2), row.GetString(3), row.GetInt64(4)));
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
