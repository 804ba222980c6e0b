using System.Security.Cryptography;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <inheritdoc/>
internal sealed class ApiKeys(
    TenantDirectory directory,
    TenantQueries queries,
    KeyUses uses,
    PostgresEventStore store,
    Ids ids,
    TimeProvider time
) : IApiKeys
{
    private const string Prefix = "tak_";
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomLength = 40;

    public async Task<NewApiKey> AddAsync(string tenant, string name, CancellationToken cancellationToken = default)
    {
        var label = TenantRules.Name(name);
        await queries.TenantAsync(tenant, cancellationToken);
        var added = new NewApiKey(ids.New(), Prefix + RandomNumberGenerator.GetString(Alphabet, RandomLength));
        await WriteAsync(
            tenant,
            "insert into api_key (id, tenant_id, name, hash, created_at) values ($1, $2, $3, $4, $5)",
            [added.Id, tenant, label, KeyDigest.Bytes(added.Key), time.GetUtcNow()],
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
            throw new TenantChangeRefusedException(
                TenantRefusal.NotFound,
                "id",
                $"Tenant '{tenant}' has no API key {id}; see 'api-keys list {tenant}'."
            );
        return await WriteAsync(
            tenant,
            "update api_key set revoked_at = $3 where id = $1 and tenant_id = $2 and revoked_at is null",
            [id, tenant, time.GetUtcNow()],
            cancellationToken
        );
    }

    public ValueTask<string?> FindTenantAsync(string key, CancellationToken cancellationToken = default)
    {
        if (!key.StartsWith(Prefix, StringComparison.Ordinal) || key.Length != Prefix.Length + RandomLength)
            return new ValueTask<string?>((string?)null);
        var known = directory.FindKey(KeyDigest.Of(KeyDigest.Bytes(key)));
        if (known is not null)
            uses.Used(known.Id);
        return new ValueTask<string?>(known?.Tenant);
    }

    // Keys are no facts of the log, but hosts are told of them the same way.
    private async Task<bool> WriteAsync(string tenant, string sql, object[] parameters, CancellationToken cancellationToken)
    {
        await using (var session = await store.OpenSessionAsync(cancellationToken))
        {
            await using var write = session.Connection.Command(sql, parameters);
            if (await write.ExecuteNonQueryAsync(cancellationToken) == 0)
                return false;
            await TenantChanges.NotifyAsync(session.Connection, tenant, cancellationToken);
            await session.CommitAsync(cancellationToken);
        }
        await directory.CatchUpAsync(tenant);
        return true;
    }
}
