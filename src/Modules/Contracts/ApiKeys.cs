namespace TrackAi.Contracts;

/// <summary>A new API key. <paramref name="Key"/> is shown this once: only its hash is stored.</summary>
public sealed record NewApiKey(Guid Id, string Key)
{
    /// <summary>Never prints the key.</summary>
    public override string ToString() => $"API key {Id}";
}

public sealed record ApiKeyInfo(Guid Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, DateTimeOffset? RevokedAt);

/// <summary>API keys of tenants, header <c>x-api-key</c>. Refuses with <see cref="TenantChangeRefusedException"/>. Implemented by Tenancy.</summary>
public interface IApiKeys
{
    Task<NewApiKey> AddAsync(string tenant, string name, CancellationToken cancellationToken = default);

    /// <summary>All keys of a tenant, revoked ones too.</summary>
    Task<IReadOnlyList<ApiKeyInfo>> ListAsync(string tenant, CancellationToken cancellationToken = default);

    /// <summary>False when it was revoked before.</summary>
    Task<bool> RevokeAsync(string tenant, Guid id, CancellationToken cancellationToken = default);

    /// <summary>The tenant a key belongs to, from memory; null for an unknown or revoked one.</summary>
    ValueTask<string?> FindTenantAsync(string key, CancellationToken cancellationToken = default);
}
