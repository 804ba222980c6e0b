using TrackAi.Dashboard.Figures;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>The first page: the tenants that somebody may see, each with its last seven days.</summary>
internal static class TenantsExport
{
    public static ExportTable Of(IReadOnlyList<TenantRow> tenants) =>
        ExportTable.Of(
            tenants,
            ("tenant", row => row.Seen.Slug),
            ("name", row => row.Seen.Tenant.Name),
            ("status", row => row.Seen.Tenant.Status == Contracts.TenantStatus.Suspended ? "suspended" : "active"),
            ("received", row => row.Figures.Received.Value),
            ("sent", row => row.Figures.Sent.Value),
            ("match_pct", row => row.Figures.MatchPct.Value),
            ("waiting", row => row.Figures.Waiting.Value),
            ("given_up", row => row.Figures.Dead.Value)
        );
}
