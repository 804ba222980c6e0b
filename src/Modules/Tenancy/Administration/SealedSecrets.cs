using System.Security.Cryptography;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>Gateways' secrets, pixels' tokens and users' authenticators: sealed anew when the master key changes, and tried on request.</summary>
internal sealed class SealedSecrets(NpgsqlDataSource database, ISecretBox box) : IHoldSecrets
{
    public async Task<long> ResealAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var resealed = 0L;
        foreach (var (tenant, gateway, id, old) in await SecretsAsync(connection, cancellationToken))
        {
            await using var update = connection.Command(
                "update gateway_secret set sealed = $1 where tenant_id = $2 and gateway = $3 and secret_id = $4 and sealed = $5",
                Anew(SealedSecret.Purpose(tenant, gateway, id), old),
                tenant,
                gateway,
                id,
                old
            );
            resealed += await update.ExecuteNonQueryAsync(cancellationToken);
        }

        foreach (var (tenant, pixel, old) in await TokensAsync(connection, cancellationToken))
        {
            await using var update = connection.Command(
                "update pixel set sealed_token = $1 where tenant_id = $2 and pixel_id = $3 and sealed_token = $4",
                Anew(PixelTokens.Purpose(tenant, pixel), old),
                tenant,
                pixel,
                old
            );
            resealed += await update.ExecuteNonQueryAsync(cancellationToken);
        }

        foreach (var (user, _, old) in await AuthenticatorsAsync(connection, cancellationToken))
        {
            await using var update = connection.Command(
                "update app_user set sealed_totp = $1 where id = $2 and sealed_totp = $3",
                Anew(SignIns.Purpose(user), old),
                user,
                old
            );
            resealed += await update.ExecuteNonQueryAsync(cancellationToken);
        }

        return resealed;
    }

    public async Task<IReadOnlyList<string>> FindUnopenedAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return
        [
            .. from one in await SecretsAsync(connection, cancellationToken)
            where !Opens(SealedSecret.Purpose(one.Tenant, one.Gateway, one.Id), one.Sealed)
            select Unopened.Secret(one.Tenant, one.Gateway).Problem,
            .. from one in await TokensAsync(connection, cancellationToken)
            where !Opens(PixelTokens.Purpose(one.Tenant, one.Pixel), one.Sealed)
            select Unopened.Token(one.Tenant, one.Pixel).Problem,
            .. from one in await AuthenticatorsAsync(connection, cancellationToken)
            where !Opens(SignIns.Purpose(one.User), one.Sealed)
            select $"The authenticator of user {one.Email} does not open. Take it away, and let them set up another: update app_user set sealed_totp = null where id = '{one.User}'.",
        ];
    }

    private static async Task<IReadOnlyList<(string Tenant, string Gateway, Guid Id, byte[] Sealed)>> SecretsAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var select = connection.Command(
            "select tenant_id, gateway, secret_id, sealed from gateway_secret order by tenant_id, gateway"
        );
        return await select.ListAsync(
            row => (row.GetString(0), row.GetString(1), row.GetGuid(2), row.GetFieldValue<byte[]>(3)),
            cancellationToken
        );
    }

    private static async Task<IReadOnlyList<(string Tenant, string Pixel, byte[] Sealed)>> TokensAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var select = connection.Command("select tenant_id, pixel_id, sealed_token from pixel order by tenant_id, pixel_id");
        return await select.ListAsync(row => (row.GetString(0), row.GetString(1), row.GetFieldValue<byte[]>(2)), cancellationToken);
    }

    private static async Task<IReadOnlyList<(Guid User, string Email, byte[] Sealed)>> AuthenticatorsAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var select = connection.Command(
            "select id, email, sealed_totp from app_user where sealed_totp is not null order by email"
        );
        return await select.ListAsync(row => (row.GetGuid(0), row.GetString(1), row.GetFieldValue<byte[]>(2)), cancellationToken);
    }

    private bool Opens(string purpose, byte[] @sealed)
    {
        try
        {
            box.Open(purpose, @sealed);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private byte[] Anew(string purpose, byte[] old) => box.Seal(purpose, box.Open(purpose, old));
}
