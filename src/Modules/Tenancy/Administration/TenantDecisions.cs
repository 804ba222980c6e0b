using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>What a change comes to, given the tenant as it stands: the facts to append, none when there is nothing to change.</summary>
internal static class TenantDecisions
{
    public static IReadOnlyList<object> Add(TenantState state, TenantAdded tenant) =>
        state.Name is null
            ? [tenant]
            : throw new TenantChangeRefusedException(
                TenantRefusal.Exists,
                "slug",
                $"Tenant '{tenant.Slug}' exists already; choose another slug, or see it with 'tenants show {tenant.Slug}'."
            );

    public static IReadOnlyList<object> Rename(TenantState state, TenantRenamed renamed) => state.Name == renamed.Name ? [] : [renamed];

    public static IReadOnlyList<object> Suspend(TenantState state, TenantSuspended suspended) =>
        state.Status == TenantStatus.Suspended ? [] : [suspended];

    public static IReadOnlyList<object> Activate(TenantState state, TenantActivated activated) =>
        state.Status == TenantStatus.Active ? [] : [activated];

    public static IReadOnlyList<object> SetOrigins(TenantState state, TenantOriginsSet set) =>
        state.Origins.SequenceEqual(set.Origins, StringComparer.Ordinal) ? [] : [set];

    public static IReadOnlyList<object> AddFunnel(TenantState state, FunnelAdded funnel)
    {
        if (state.Funnels.Exists(other => other.FunnelId == funnel.FunnelId))
            throw Exists("funnel", $"Funnel '{funnel.FunnelId}' exists already; choose another id, or see it with 'funnels list'.");
        if (state.Funnels.Find(other => ClaimsTheSame(other, funnel)) is { } rival)
            throw Exists(
                "product",
                $"Funnel '{rival.FunnelId}' takes the sales of that gateway and product already; a sale belongs to one funnel, give another product."
            );
        return [funnel];
    }

    public static IReadOnlyList<object> SetAllowList(TenantState state, GatewayAllowListSet list) =>
        state.AllowedNetworks.GetValueOrDefault(list.Gateway, []).SequenceEqual(list.Networks, StringComparer.Ordinal) ? [] : [list];

    public static IReadOnlyList<object> SetUrlSegment(TenantState state, GatewayUrlSegmentSet set) =>
        state.UrlSegments.GetValueOrDefault(set.Gateway) == set.Digest ? [] : [set];

    public static IReadOnlyList<object> SetAmount(TenantState state, GatewayAmountSet set) =>
        state.Amounts.GetValueOrDefault(set.Gateway) == set.Amount ? [] : [set];

    public static IReadOnlyList<object> SetRenewals(TenantState state, FunnelRenewalsSet set)
    {
        if (!state.Funnels.Exists(funnel => funnel.FunnelId == set.FunnelId))
            throw new TenantChangeRefusedException(
                TenantRefusal.NotFound,
                "funnel",
                $"There is no funnel '{set.FunnelId}'; 'funnels list' shows which there are."
            );
        return state.FunnelsWithRenewals.Contains(set.FunnelId) == set.AreSent ? [] : [set];
    }

    public static IReadOnlyList<object> SetDataProcessing(TenantState state, TenantDataProcessingSet set) =>
        (state.Processing ?? new TenantDataProcessingSet([], null, null, default)) is var now
        && now.Options.SequenceEqual(set.Options, StringComparer.Ordinal)
        && (now.Country, now.State) == (set.Country, set.State)
            ? []
            : [set];

    private static bool ClaimsTheSame(FunnelAdded one, FunnelAdded other) =>
        (one.Gateway ?? one.ProductId) is not null && one.Gateway == other.Gateway && one.ProductId == other.ProductId;

    private static TenantChangeRefusedException Exists(string field, string message) => new(TenantRefusal.Exists, field, message);
}
