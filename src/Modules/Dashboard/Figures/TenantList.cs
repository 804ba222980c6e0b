using TrackAi.Contracts;
using TrackAi.Dashboard.Access;

namespace TrackAi.Dashboard.Figures;

/// <summary>A tenant in the list of those that somebody may see, with its last seven days.</summary>
internal sealed record TenantRow(SeenTenant Seen, OverviewFigures Figures)
{
    /// <summary>All of them in one query. Only of tenants that the user may see, since nobody else has a <see cref="SeenTenant"/>.</summary>
    public static async Task<IReadOnlyList<TenantRow>> ListAsync(
        IReadOnlyList<SeenTenant> tenants,
        IReadFigures figures,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var now = time.GetUtcNow();
        // A day is the tenant's own.
        var spans = tenants.ToDictionary(
            tenant => tenant.Slug,
            tenant => Span.Of("7d", null, null, DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, tenant.Zone).DateTime)),
            StringComparer.Ordinal
        );
        var cells = await figures.CellsAsync(
            [.. spans.Select(span => new FigureScope(span.Key, span.Value.From, span.Value.To))],
            cancellationToken
        );
        return [.. tenants.Select(tenant => new TenantRow(tenant, OverviewFigures.Of(spans[tenant.Slug], [.. cells[tenant.Slug]], [])))];
    }
}
