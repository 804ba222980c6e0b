using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <inheritdoc/>
internal sealed class ApiKeys(
    TenantDirectory directory,
    TenantQueries queries,
    TenantChanges changes,
    KeyUses uses,
    IOptions<TenancyOptions> options,
    Ids ids,
    TimeProvider time
) : IApiKeys
{
    private const string Prefix = "tak_";
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomLength = 40;

    public async Task<NewApiKey> AddAsync(
        string tenant,
        string name,
        IReadOnlyCollection<string>? scopes = null,
        CancellationToken cancellationToken = default
    )
    {
        var added = NewKey();
        var (label, allowed) = (TenantRules.Name(name), TenantRules.Scopes(scopes ?? ApiKeyScopes.All));
        await changes.MakeAsync(
            tenant,
            async change => [await InsertAsync(Existing(change), added, label, allowed, cancellationToken)],
            cancellationToken
        );
        return added;
    }

    public async Task<NewApiKey> RotateAsync(string tenant, Guid id, CancellationToken cancellationToken = default)
    {
        var old =
            (await ListAsync(tenant, cancellationToken)).FirstOrDefault(key => key.Id == id && IsValid(key)) ?? throw Unknown(tenant, id);
        var added = NewKey();
        await changes.MakeAsync(
            tenant,
            async change =>
                [
                    await InsertAsync(change, added, old.Name, old.Scopes, cancellationToken),
                    .. await EndAsync(change, id, time.GetUtcNow() + options.Value.SecretOverlap, cancellationToken),
                ],
            cancellationToken
        );
        return added;
    }

    public async Task<IReadOnlyList<ApiKeyInfo>> ListAsync(string tenant, CancellationToken cancellationToken = default)
    {
        await queries.TenantAsync(tenant, cancellationToken);
        return await queries.ApiKeysAsync(tenant, cancellationToken);
    }

    public async Task<bool> RevokeAsync(string tenant, Guid id, CancellationToken cancellationToken = default)
    {
        if (!(await ListAsync(tenant, cancellationToken)).Any(key => key.Id == id))
            throw Unknown(tenant, id);
        return await changes.MakeAsync(
            tenant,
            async change => await EndAsync(change, id, endsAt: null, cancellationToken),
            cancellationToken
        );
    }

    public ValueTask<string?> FindTenantAsync(string key, string? scope = null, CancellationToken cancellationToken = default)
    {
        if (!key.StartsWith(Prefix, StringComparison.Ordinal) || key.Length != Prefix.Length + RandomLength)
            return new ValueTask<string?>((string?)null);
        var known = directory.FindKey(KeyDigest.Of(KeyDigest.Bytes(key)));
        if (
            known is null
            || known.EndsAt <= time.GetUtcNow()
            || (scope is not null && !known.Scopes.Contains(scope, StringComparer.Ordinal))
        )
            return new ValueTask<string?>((string?)null);
        uses.Used(known.Id);
        return new ValueTask<string?>(known.Tenant);
    }

    private NewApiKey NewKey() => new(ids.New(), Prefix + RandomNumberGenerator.GetString(Alphabet, RandomLength));

    private bool IsValid(ApiKeyInfo key) => key.RevokedAt is null && !(key.EndsAt <= time.GetUtcNow());

    private async Task<ApiKeyAdded> InsertAsync(
        TenantChange change,
        NewApiKey added,
        string name,
        IReadOnlyList<string> scopes,
        CancellationToken cancellationToken
    )
    {
        var now = time.GetUtcNow();
        await using var insert = change.Connection.Command(
            "insert into api_key (id, tenant_id, name, hash, created_at, scopes) values ($1, $2, $3, $4, $5, $6)",
            added.Id,
            change.Slug,
            name,
            KeyDigest.Bytes(added.Key),
            now,
            scopes.ToArray()
        );
        await insert.ExecuteNonQueryAsync(cancellationToken);
        return new ApiKeyAdded(added.Id, name, scopes, now);
    }

    /// <param name="endsAt">Null for at once.</param>
    private async Task<IReadOnlyList<object>> EndAsync(
        TenantChange change,
        Guid id,
        DateTimeOffset? endsAt,
        CancellationToken cancellationToken
    )
    {
        var now = time.GetUtcNow();
        await using var update = change.Connection.Command(
            $"update api_key set {(endsAt is null ? "revoked_at" : "ends_at")} = $3 where id = $1 and tenant_id = $2 and revoked_at is null",
            id,
            change.Slug,
            endsAt ?? now
        );
        return await update.ExecuteNonQueryAsync(cancellationToken) == 0 ? [] : [new ApiKeyRevoked(id, endsAt ?? now, now)];
    }

    private static TenantChange Existing(TenantChange change) =>
        change.State.Name is null ? throw TenantChanges.UnknownTenant(change.Slug) : change;

    private static TenantChangeRefusedException Unknown(string tenant, Guid id) =>
        new(TenantRefusal.NotFound, "id", $"Tenant '{tenant}' has no valid API key {id}; see 'api-keys list {tenant}'.");
}
