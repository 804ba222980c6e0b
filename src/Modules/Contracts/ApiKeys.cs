namespace TrackAi.Contracts;

/// <summary>A new API key. <paramref name="Key"/> is shown this once: only its hash is stored.</summary>
public sealed record NewApiKey(Guid Id, string Key)
{
    /// <summary>Never prints the key.</summary>
    public override string ToString() => $"API key {Id}";
}

/// <summary>What a key may be used for.</summary>
public static class ApiKeyScopes
{
    /// <summary>Reading figures, sales and timelines.</summary>
    public const string Analytics = "analytics";

    /// <summary>Reading dead letters, sending them again and putting them away.</summary>
    public const string DeadLetters = "dead_letters";

    public static IReadOnlyList<string> All { get; } = [Analytics, DeadLetters];
}

public sealed record ApiKeyInfo(Guid Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, DateTimeOffset? RevokedAt)
{
    public IReadOnlyList<string> Scopes { get; init; } = ApiKeyScopes.All;

    /// <summary>Of a key that another took the place of: until when both are taken.</summary>
    public DateTimeOffset? EndsAt { get; init; }
}

/// <summary>API keys of tenants, header <c>x-api-key</c>. Refuses with <c>TenantChangeRefusedException</c>. Implemented by Tenancy.</summary>
public interface IApiKeys
{
    /// <param name="scopes">Of <see cref="ApiKeyScopes"/>; all of them where left out.</param>
    Task<NewApiKey> AddAsync(
        string tenant,
        string name,
        IReadOnlyCollection<string>? scopes = null,
        CancellationToken cancellationToken = default
    );

    /// <summary>A new key with the name and the scopes of another, which is taken a while longer (<c>Tenancy:SecretOverlap</c>).</summary>
    Task<NewApiKey> RotateAsync(string tenant, Guid id, CancellationToken cancellationToken = default);

    /// <summary>All keys of a tenant, revoked ones too.</summary>
    Task<IReadOnlyList<ApiKeyInfo>> ListAsync(string tenant, CancellationToken cancellationToken = default);

    /// <summary>False when it was revoked before.</summary>
    Task<bool> RevokeAsync(string tenant, Guid id, CancellationToken cancellationToken = default);

    /// <summary>The tenant a key belongs to, from memory; null for an unknown, revoked or ended one, and for one that has not this scope.</summary>
    /// <param name="scope">Of <see cref="ApiKeyScopes"/>; null for whatever it may be used for.</param>
    ValueTask<string?> FindTenantAsync(string key, string? scope = null, CancellationToken cancellationToken = default);
}
