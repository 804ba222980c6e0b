using System.Collections.Frozen;

namespace TrackAi.Tenancy;

/// <summary>A funnel as routing sees it; null takes any.</summary>
internal sealed record Funnel(string Id, string? Gateway, string? ProductId, string? PixelId, bool IsDefault)
{
    public bool SendsRenewals { get; init; }
}

/// <summary>Where a sale goes: the funnel it belongs to, null for none, and its pixels.</summary>
internal sealed record Route(string? FunnelId, IReadOnlyList<string> Pixels)
{
    public bool SendsRenewals { get; init; }
}

/// <summary>
/// Which funnel a sale belongs to: of its gateway and product, else of its product at any gateway, else of its gateway with any product, else the
/// default, else the first that names neither.
/// </summary>
internal sealed class FunnelRoutes
{
    private readonly FrozenDictionary<(string? Gateway, string? ProductId), Route> claims;
    private readonly Route rest;

    /// <param name="funnels">In the order they were added.</param>
    /// <param name="pixels">The tenant's pixels, for funnels that name none.</param>
    public FunnelRoutes(IReadOnlyList<Funnel> funnels, IReadOnlyList<string> pixels)
    {
        Route ToRoute(Funnel funnel) => new(funnel.Id, funnel.PixelId is { } own ? [own] : pixels) { SendsRenewals = funnel.SendsRenewals };

        claims = funnels
            .DistinctBy(funnel => (funnel.Gateway, funnel.ProductId))
            .ToFrozenDictionary(funnel => (funnel.Gateway, funnel.ProductId), ToRoute);
        rest =
            funnels.FirstOrDefault(funnel => funnel.IsDefault) is { } chosen ? ToRoute(chosen)
            : claims.TryGetValue((null, null), out var any) ? any
            : new Route(null, pixels);
    }

    public Route Find(string gateway, string? productId) =>
        productId is not null
        && (claims.TryGetValue((gateway, productId), out var route) || claims.TryGetValue((null, productId), out route))
            ? route
        : claims.TryGetValue((gateway, null), out var whole) ? whole
        : rest;
}
