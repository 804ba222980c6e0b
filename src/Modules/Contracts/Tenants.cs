namespace TrackAi.Contracts;

/// <summary>A customer. <paramref name="Slug"/> is the tenant id everywhere: in URLs, in Marten's tenant column, in tables.</summary>
public sealed record TenantAdded(string Slug, string Name, string TimeZone, DateTimeOffset AddedAt);

public sealed record TenantRenamed(string Slug, string Name, DateTimeOffset RenamedAt);

public sealed record TenantSuspended(string Slug, string? Reason, DateTimeOffset SuspendedAt);

public sealed record TenantActivated(string Slug, DateTimeOffset ActivatedAt);

/// <summary>A seller's product line. The sales of its gateway and product go to its pixel; null means "any" or "the tenant's".</summary>
/// <param name="IsDefault">Takes the sales that no other funnel claims, from now on instead of the funnel that did so before.</param>
public sealed record FunnelAdded(
    string FunnelId,
    string Name,
    string? Gateway,
    string? ProductId,
    string? PixelId,
    bool IsDefault,
    DateTimeOffset AddedAt
);

/// <summary>The origins whose pages may send visits for the tenant, such as <c>https://shop.example</c>; empty means any.</summary>
public sealed record TenantOriginsSet(IReadOnlyList<string> Origins);

/// <summary>A secret was set for a gateway; the secret itself is never in the log.</summary>
public sealed record GatewaySecretSet(string Gateway, DateTimeOffset? PreviousValidUntil);

/// <summary>Addresses (CIDR) that may deliver for a gateway; empty means any.</summary>
public sealed record GatewayAllowListSet(string Gateway, IReadOnlyList<string> Networks);

/// <summary>
/// Whether a funnel's renewals are sent as Purchases of their own. They are not, unless it says so: who pays on is no new customer.
/// </summary>
public sealed record FunnelRenewalsSet(string FunnelId, bool AreSent, DateTimeOffset SetAt);

/// <summary>
/// The secret segment that a gateway's webhook URL must end with, by its SHA-256 in hex: the segment is 128 random bits, which no hash gives away.
/// Null when none is asked for any more.
/// </summary>
public sealed record GatewayUrlSegmentSet(string Gateway, string? Digest, DateTimeOffset SetAt);

/// <summary>Which of the amounts that a gateway tells is a sale's value, by the gateway's own word (<c>full_price</c>).</summary>
public sealed record GatewayAmountSet(string Gateway, string Amount, DateTimeOffset SetAt);

/// <summary>A pixel's access token was set; the token itself is never in the log.</summary>
public sealed record PixelTokenSet(string PixelId, string? TestEventCode);

/// <summary>
/// Meta's data processing options of a tenant's events. No options means that none are sent.
/// https://developers.facebook.com/docs/marketing-apis/data-processing-options
/// </summary>
public sealed record TenantDataProcessingSet(IReadOnlyList<string> Options, int? Country, int? State, DateTimeOffset SetAt);

/// <summary>A key for the tenant's API was added; the key itself is never in the log.</summary>
public sealed record ApiKeyAdded(Guid KeyId, string Name, IReadOnlyList<string> Scopes, DateTimeOffset AddedAt);

/// <summary>A key ends: at once, or at <paramref name="EndsAt"/> where another took its place.</summary>
public sealed record ApiKeyRevoked(Guid KeyId, DateTimeOffset EndsAt, DateTimeOffset RevokedAt);

/// <summary>A user may see the tenant (<c>viewer</c>) or also change it (<c>owner</c>). Users are told by id only.</summary>
public sealed record MemberSet(Guid UserId, string Role, DateTimeOffset SetAt);

public sealed record MemberRemoved(Guid UserId, DateTimeOffset RemovedAt);

public enum TenantStatus
{
    Active,
    Suspended,
}

/// <summary>A tenant as the hot path sees it.</summary>
public sealed record Tenant(string Slug, string Name, TenantStatus Status, string TimeZone)
{
    /// <summary>Whose pages may send visits: <c>https://shop.example</c>, <c>https://*.shop.example</c>; empty means any.</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];
}

/// <summary>
/// A tenant's account at a gateway: the secrets that are valid now (newest first; none where what is kept does not open) and who may deliver.
/// </summary>
public sealed record GatewayConnection(string Gateway, IReadOnlyList<string> Secrets, IReadOnlyList<string> AllowedNetworks)
{
    /// <summary>SHA-256 in hex of the segment that its webhook URL must end with; null when none is asked for.</summary>
    public string? UrlSegmentDigest { get; init; }

    /// <summary>Which of the gateway's amounts is a sale's value; null for the gateway's usual one.</summary>
    public string? Amount { get; init; }
}

/// <summary>
/// Meta's data processing options: <c>LDU</c> (Limited Data Use) with a country and a state, or 0 and 0 for "where the person is, by the address".
/// </summary>
public sealed record DataProcessing(IReadOnlyList<string> Options, int Country, int State);

/// <summary>Where a conversion is sent.</summary>
public sealed record Pixel(string PixelId, string AccessToken, string? TestEventCode)
{
    /// <summary>What the tenant tells Meta about processing its events; null for nothing.</summary>
    public DataProcessing? DataProcessing { get; init; }

    /// <summary>Never prints the token.</summary>
    public override string ToString() => $"Pixel {PixelId}";
}

/// <summary>
/// What must be known of a tenant at once. Answered from memory; a change made anywhere is seen within a second. Implemented by Tenancy.
/// </summary>
public interface ITenantDirectory
{
    /// <summary>Null for an unknown slug.</summary>
    Tenant? Find(string slug);

    /// <summary>Null when the tenant has no secret for the gateway.</summary>
    GatewayConnection? FindConnection(string slug, string gateway);

    /// <summary>
    /// The funnel a sale belongs to: of its gateway and product, else of its product at any gateway, else of its gateway with any product, else the
    /// tenant's default, else the first that names neither; null without one.
    /// </summary>
    string? FindFunnel(string slug, string gateway, string? productId);

    /// <summary>The pixels a sale of this gateway and product goes to: its funnel's, else all of the tenant's. Ids only.</summary>
    IReadOnlyList<string> RoutePixels(string slug, string gateway, string? productId);

    /// <summary>Whether the funnel of a sale of this gateway and product has its renewals sent.</summary>
    bool SendsRenewals(string slug, string gateway, string? productId);

    /// <summary>Null when the tenant has no such pixel or it has no token that opens.</summary>
    Pixel? FindPixel(string slug, string pixelId);
}
