using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>Gateways' secrets, pixels' tokens and users' authenticators, sealed anew when the master key changes.</summary>
internal sealed class SealedSecrets(NpgsqlDataSource database, ISecretBox box) : IHoldSecrets
{
    public async Task<long> ResealAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var resealed = 0L;
        await using (var select = connection.Command("select tenant_id, gateway, secret_id, sealed from gateway_secret"))
            foreach (
                var (tenant, gateway, id, old) in await select.ListAsync(
                    row => (row.GetString(0), row.GetString(1), row.GetGuid(2), row.GetFieldValue<byte[]>(3)),
                    cancellationToken
                )
            )
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

        await using (var select = connection.Command("select tenant_id, pixel_id, sealed_token from pixel"))
            foreach (
                var (tenant, pixel, old) in await select.ListAsync(
                    row => (row.GetString(0), row.GetString(1), row.GetFieldValue<byte[]>(2)),
                    cancellationToken
                )
            )
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

        await using (var select = connection.Command("select id, sealed_totp from app_user where sealed_totp is not null"))
            foreach (var (user, old) in await select.ListAsync(row => (row.GetGuid(0), row.GetFieldValue<byte[]>(1)), cancellationToken))
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

    private byte[] Anew(string purpose, byte[] old) => box.Seal(purpose, box.Open(purpose, old));
}
