using System.Security.Cryptography;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>One secret of a tenant at a gateway, sealed.</summary>
internal sealed record SealedSecret(Guid SecretId, byte[] Sealed, DateTimeOffset? ValidUntil)
{
    public string Open(ISecretBox box, string tenant, string gateway) => box.Open(Purpose(tenant, gateway, SecretId), Sealed);

    public static string Purpose(string tenant, string gateway, Guid id) => $"gateway-secret|{tenant}|{gateway}|{id}";
}

/// <summary>
/// Rotates a gateway's secret: the one before stays valid for an overlap, the one before that ends. At most two are valid.
/// </summary>
internal sealed class GatewaySecrets(ISecretBox box, Ids ids, TimeProvider time)
{
    public async Task<IReadOnlyList<object>> SetAsync(
        NpgsqlConnection connection,
        string tenant,
        string gateway,
        string secret,
        TimeSpan overlap,
        CancellationToken cancellationToken
    )
    {
        var now = time.GetUtcNow();
        var current = await ReadCurrentAsync(connection, tenant, gateway, cancellationToken);
        var known = current is null ? null : TryOpen(current, tenant, gateway);
        if (known == secret)
            return [];

        // Without an overlap, or unreadable, the old secret is of no more use.
        DateTimeOffset? previousUntil = known is not null && overlap > TimeSpan.Zero ? now + overlap : null;
        await using (
            var retire = connection.Command(
                "delete from gateway_secret where tenant_id = $1 and gateway = $2 and (valid_until is not null or $3)",
                tenant,
                gateway,
                previousUntil is null
            )
        )
            await retire.ExecuteNonQueryAsync(cancellationToken);
        if (previousUntil is { } until)
        {
            await using var bound = connection.Command(
                "update gateway_secret set valid_until = $3 where tenant_id = $1 and gateway = $2",
                tenant,
                gateway,
                until
            );
            await bound.ExecuteNonQueryAsync(cancellationToken);
        }

        var id = ids.New();
        await using var insert = connection.Command(
            "insert into gateway_secret (tenant_id, gateway, secret_id, sealed, valid_from) values ($1, $2, $3, $4, $5)",
            tenant,
            gateway,
            id,
            box.Seal(SealedSecret.Purpose(tenant, gateway, id), secret),
            now
        );
        await insert.ExecuteNonQueryAsync(cancellationToken);
        return [new GatewaySecretSet(gateway, previousUntil)];
    }

    private static async Task<SealedSecret?> ReadCurrentAsync(
        NpgsqlConnection connection,
        string tenant,
        string gateway,
        CancellationToken cancellationToken
    )
    {
        await using var select = connection.Command(
            "select secret_id, sealed from gateway_secret where tenant_id = $1 and gateway = $2 and valid_until is null",
            tenant,
            gateway
        );
        var current = await select.ListAsync(
            row => new SealedSecret(row.GetGuid(0), row.GetFieldValue<byte[]>(1), null),
            cancellationToken
        );
        return current.Count == 0 ? null : current[0];
    }

    // Setting it anew is the remedy for a secret that no longer opens.
    private string? TryOpen(SealedSecret secret, string tenant, string gateway)
    {
        try
        {
            return secret.Open(box, tenant, gateway);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
