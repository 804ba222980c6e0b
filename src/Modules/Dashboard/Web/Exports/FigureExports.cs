using TrackAi.Contracts;
using TrackAi.Dashboard.Figures;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>The overview, a day a row: the ledger and the revenue of each currency.</summary>
internal sealed class OverviewExport(IReadFigures figures) : IExport
{
    public string Name => "overview";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken)
    {
        var asked = SaleFilter.ScopeOf(scope.Seen, scope.Span, scope["gateway"], scope["funnel"]) with { From = scope.Span.From };
        var cells = (await figures.CellsAsync(asked, cancellationToken)).ToLookup(cell => cell.Date);
        var days = scope
            .Span.All.Select(day => (Day: day, Figures: OverviewFigures.Of(new Span("day", day, day), [.. cells[day]], [])))
            .ToArray();
        var currencies = days.SelectMany(day => day.Figures.Revenue).Select(revenue => revenue.Currency).Distinct(StringComparer.Ordinal);
        return ExportTable.Of(
            days,
            [
                ("date", one => one.Day),
                ("received", one => one.Figures.Ledger.Received),
                ("sent", one => one.Figures.Ledger.Sent),
                ("skipped", one => one.Figures.Ledger.Skipped),
                ("given_up", one => one.Figures.Ledger.Dead),
                ("waiting", one => one.Figures.Ledger.Waiting),
                ("success_pct", one => one.Figures.SuccessPct.Value),
                ("match_pct", one => one.Figures.MatchPct.Value),
                .. currencies
                    .Order(StringComparer.Ordinal)
                    .SelectMany(currency =>
                        new (string, Func<(DateOnly Day, OverviewFigures Figures), object?>)[]
                        {
                            ($"net_{currency}", one => Of(one.Figures, currency)?.Net.Value ?? 0),
                            ($"gross_{currency}", one => Of(one.Figures, currency)?.Gross ?? 0),
                        }
                    ),
            ]
        );
    }

    private static Revenue? Of(OverviewFigures figures, string currency) =>
        figures.Revenue.FirstOrDefault(revenue => revenue.Currency == currency);
}

/// <summary>The page of matches: how many sales a day each rule joined, by gateway and funnel.</summary>
internal sealed class MatchExport(IReadFigures figures) : IExport
{
    public string Name => "match";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken)
    {
        var asked = SaleFilter.ScopeOf(scope.Seen, scope.Span, scope["gateway"], scope["funnel"]) with { From = scope.Span.From };
        return ExportTable.Of(
            (await figures.CellsAsync(asked, cancellationToken))
                .Where(cell => cell.Kind != "test" && cell.Match != "undecided")
                .GroupBy(cell => (cell.Date, cell.Gateway, cell.FunnelId, cell.Match))
                .OrderBy(cell => cell.Key),
            ("date", cell => cell.Key.Date),
            ("gateway", cell => cell.Key.Gateway),
            ("funnel_id", cell => cell.Key.FunnelId),
            ("rule", cell => cell.Key.Match),
            ("sales", cell => cell.Sum(one => one.Conversions))
        );
    }
}

/// <summary>Why sales are unmatched, and where.</summary>
internal sealed class UnmatchedExport(IReadMatches matches) : IExport
{
    public string Name => "unmatched";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken)
    {
        var asked = SaleFilter.ScopeOf(scope.Seen, scope.Span, scope["gateway"], scope["funnel"]) with { From = scope.Span.From };
        return ExportTable.Of(
            (await matches.ReportAsync(asked, cancellationToken)).Causes.SelectMany(cause =>
                cause.Places.Select(place => (Cause: cause, Place: (UnmatchedPlace?)place)).Prepend((Cause: cause, Place: null))
            ),
            ("cause", row => row.Cause.Cause),
            ("place_kind", row => row.Place?.Kind),
            ("place", row => row.Place?.Name),
            ("sales", row => row.Place?.Conversions ?? row.Cause.Conversions),
            ("share_pct", row => row.Place?.SharePct ?? row.Cause.SharePct),
            ("text", row => row.Place?.Text ?? row.Cause.Text)
        );
    }
}
