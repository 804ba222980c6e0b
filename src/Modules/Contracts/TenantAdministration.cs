namespace TrackAi.Contracts;

/// <summary>Why a change to a tenant was refused.</summary>
public enum TenantRefusal
{
    /// <summary>A value is not what its field takes.</summary>
    Invalid,

    /// <summary>There is no such tenant, funnel or key.</summary>
    NotFound,

    /// <summary>It is there already.</summary>
    Exists,
}

/// <summary>
/// A change to a tenant that was refused, and nothing was stored. The message names the field and the remedy, and never a secret.
/// </summary>
public sealed class TenantChangeRefusedException(TenantRefusal refusal, string field, string message) : Exception(message)
{
    public TenantRefusal Refusal { get; } = refusal;

    /// <summary>Such as <c>slug</c>, <c>time_zone</c>, <c>pixel</c>.</summary>
    public string Field { get; } = field;
}

public sealed record TenantInfo(
    string Slug,
    string Name,
    TenantStatus Status,
    string TimeZone,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt
)
{
    /// <inheritdoc cref="Tenant.Origins"/>
    public IReadOnlyList<string> Origins { get; init; } = [];

    /// <inheritdoc cref="Pixel.DataProcessing"/>
    public DataProcessing? DataProcessing { get; init; }
}

public sealed record FunnelInfo(
    string FunnelId,
    string Name,
    string? Gateway,
    string? ProductId,
    string? PixelId,
    bool IsDefault,
    DateTimeOffset CreatedAt
)
{
    /// <summary>Whether its renewals are sent as Purchases of their own.</summary>
    public bool SendsRenewals { get; init; }
}

/// <summary>What is set for a gateway; never the secret.</summary>
/// <param name="SecretSetAt">Null when no secret is set.</param>
/// <param name="PreviousValidUntil">Until when the secret before it is taken too; null when it is not.</param>
public sealed record ConnectionInfo(
    string Gateway,
    DateTimeOffset? SecretSetAt,
    DateTimeOffset? PreviousValidUntil,
    IReadOnlyList<string> AllowedNetworks
)
{
    /// <summary>Whether its webhook URL must end with a secret segment.</summary>
    public bool HasUrlSegment { get; init; }

    /// <inheritdoc cref="GatewayConnection.Amount"/>
    public string? Amount { get; init; }
}

/// <summary>A pixel whose token is set; never the token.</summary>
public sealed record PixelInfo(string PixelId, string? TestEventCode, DateTimeOffset TokenSetAt);

public sealed record TenantDetails(
    TenantInfo Tenant,
    IReadOnlyList<FunnelInfo> Funnels,
    IReadOnlyList<ConnectionInfo> Connections,
    IReadOnlyList<PixelInfo> Pixels
);

/// <summary>
/// Adds and changes tenants. A change is on disk when its method returns, and every host knows it within a second. Methods that return a bool say
/// whether there was anything to change. All throw <see cref="TenantChangeRefusedException"/>. Implemented by Tenancy.
/// </summary>
public interface ITenantAdministration
{
    public const string DefaultTimeZone = "America/Sao_Paulo";

    /// <param name="timeZone">IANA name; its days are the tenant's days.</param>
    Task AddTenantAsync(string slug, string name, string timeZone = DefaultTimeZone, CancellationToken cancellationToken = default);

    Task<bool> RenameTenantAsync(string slug, string name, CancellationToken cancellationToken = default);

    Task<bool> SuspendAsync(string slug, string? reason = null, CancellationToken cancellationToken = default);

    Task<bool> ActivateAsync(string slug, CancellationToken cancellationToken = default);

    /// <param name="origins">Such as <c>https://shop.example</c> or <c>https://*.shop.example</c>; none means any page.</param>
    Task<bool> SetOriginsAsync(string tenant, IReadOnlyCollection<string> origins, CancellationToken cancellationToken = default);

    /// <param name="processing">Null takes it away: the events bear no data processing options.</param>
    Task<bool> SetDataProcessingAsync(string slug, DataProcessing? processing, CancellationToken cancellationToken = default);

    Task<IReadOnlyList<TenantInfo>> ListAsync(CancellationToken cancellationToken = default);

    Task<TenantDetails> ShowAsync(string slug, CancellationToken cancellationToken = default);

    /// <param name="name">The funnel's id where left out.</param>
    Task AddFunnelAsync(
        string tenant,
        string funnelId,
        string? name = null,
        string? gateway = null,
        string? productId = null,
        string? pixelId = null,
        bool isDefault = false,
        CancellationToken cancellationToken = default
    );

    Task<IReadOnlyList<FunnelInfo>> ListFunnelsAsync(string tenant, CancellationToken cancellationToken = default);

    /// <param name="overlap">How long the secret before it stays valid; <c>Tenancy:SecretOverlap</c> where left out.</param>
    Task<bool> SetGatewaySecretAsync(
        string tenant,
        string gateway,
        string secret,
        TimeSpan? overlap = null,
        CancellationToken cancellationToken = default
    );

    /// <summary>Whether a funnel's renewals are sent as Purchases of their own.</summary>
    Task<bool> SetRenewalsAsync(string tenant, string funnelId, bool areSent, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes a new secret segment that the gateway's webhook URL must end with from now on, and returns it: it is not to be had again.
    /// </summary>
    Task<string> NewUrlSegmentAsync(string tenant, string gateway, CancellationToken cancellationToken = default);

    /// <summary>Asks for no secret segment any more.</summary>
    Task<bool> RemoveUrlSegmentAsync(string tenant, string gateway, CancellationToken cancellationToken = default);

    /// <param name="amount">One of <see cref="IGatewayAmounts"/>.</param>
    Task<bool> SetAmountAsync(string tenant, string gateway, string amount, CancellationToken cancellationToken = default);

    /// <param name="networks">CIDR ranges or single addresses; none means any address.</param>
    Task<bool> SetAllowListAsync(
        string tenant,
        string gateway,
        IReadOnlyCollection<string> networks,
        CancellationToken cancellationToken = default
    );

    Task<IReadOnlyList<ConnectionInfo>> ListConnectionsAsync(string tenant, CancellationToken cancellationToken = default);

    /// <param name="testEventCode">Null leaves it as it is, an empty one takes it away.</param>
    Task<bool> SetPixelAsync(
        string tenant,
        string pixelId,
        string token,
        string? testEventCode = null,
        CancellationToken cancellationToken = default
    );

    Task<IReadOnlyList<PixelInfo>> ListPixelsAsync(string tenant, CancellationToken cancellationToken = default);

    /// <summary>Builds <c>tenant</c>, <c>funnel</c> and <c>gateway_connection</c> anew from the log, in one transaction; returns the number of tenants.</summary>
    Task<int> RebuildRelationsAsync(CancellationToken cancellationToken = default);
}
