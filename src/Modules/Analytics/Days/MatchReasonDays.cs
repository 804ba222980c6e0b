namespace TrackAi.Analytics.Days;

/// <summary>What the latest decision about a sale is counted by.</summary>
/// <param name="Outcome">The rule, or the cause of there being none.</param>
internal readonly record struct MatchReasonCell(string Gateway, string FunnelId, string Campaign, bool Matched, string Outcome);

/// <summary><c>match_reason_day</c>: by what the sales of a day were joined to clicks, and why they were not.</summary>
internal static class MatchReasonDays
{
    public static readonly DayTable<MatchReasonCell> Table = new(
        "match_reason_day",
        new CellTable<MatchReasonCell>(
            "match_reason_cell",
            cell => [cell.Gateway, cell.FunnelId, cell.Campaign, cell.Matched ? "true" : "false", cell.Outcome],
            rows =>
                rows.Text("gateway", one => one.Value.Gateway)
                    .Text("funnel_id", one => one.Value.FunnelId)
                    .Text("campaign", one => one.Value.Campaign)
                    .Bool("matched", one => one.Value.Matched)
                    .Text("outcome", one => one.Value.Outcome),
            row => new(row.GetString(1), row.GetString(2), row.GetString(3), row.GetBoolean(4), row.GetString(5))
        ),
        (scope, cell) => scope.Has(cell.Gateway, cell.FunnelId),
        "conversions",
        amounts: null,
        DayFigures<MatchReasonCell>.None
    );
}
