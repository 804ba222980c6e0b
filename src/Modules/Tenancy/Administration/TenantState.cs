using System.Collections.Immutable;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>A tenant folded from its stream, as far as decisions need it.</summary>
internal sealed record TenantState
{
    private static readonly TenantState Unknown = new();

    /// <summary>Null when there is no such tenant.</summary>
    public string? Name { get; private init; }

    public TenantStatus Status { get; private init; }

    public IReadOnlyList<string> Origins { get; private init; } = [];

    public ImmutableList<FunnelAdded> Funnels { get; private init; } = [];

    public ImmutableDictionary<string, IReadOnlyList<string>> AllowedNetworks { get; private init; } =
        ImmutableDictionary<string, IReadOnlyList<string>>.Empty;

    /// <summary>Digests by gateway.</summary>
    public ImmutableDictionary<string, string?> UrlSegments { get; private init; } = ImmutableDictionary<string, string?>.Empty;

    /// <summary>By gateway.</summary>
    public ImmutableDictionary<string, string> Amounts { get; private init; } = ImmutableDictionary<string, string>.Empty;

    public ImmutableHashSet<string> FunnelsWithRenewals { get; private init; } = [];

    /// <summary>Null while none was ever set.</summary>
    public TenantDataProcessingSet? Processing { get; private init; }

    public static TenantState Of(IEnumerable<object> events) => events.Aggregate(Unknown, (state, @event) => state.After(@event));

    private TenantState After(object @event) =>
        @event switch
        {
            TenantAdded added => this with { Name = added.Name },
            TenantRenamed renamed => this with { Name = renamed.Name },
            TenantSuspended => this with { Status = TenantStatus.Suspended },
            TenantActivated => this with { Status = TenantStatus.Active },
            TenantOriginsSet set => this with { Origins = set.Origins },
            FunnelAdded funnel => this with { Funnels = Funnels.Add(funnel) },
            TenantDataProcessingSet set => this with { Processing = set },
            GatewayUrlSegmentSet set => this with { UrlSegments = UrlSegments.SetItem(set.Gateway, set.Digest) },
            GatewayAmountSet set => this with { Amounts = Amounts.SetItem(set.Gateway, set.Amount) },
            FunnelRenewalsSet set => this with
            {
                FunnelsWithRenewals = set.AreSent ? FunnelsWithRenewals.Add(set.FunnelId) : FunnelsWithRenewals.Remove(set.FunnelId),
            },
            GatewayAllowListSet list => this with { AllowedNetworks = AllowedNetworks.SetItem(list.Gateway, list.Networks) },
            _ => this,
        };
}
