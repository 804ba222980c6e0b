using System.Security.Cryptography;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>Sets a pixel's access token and test event code.</summary>
internal sealed class PixelTokens(ISecretBox box, TimeProvider time)
{
    public static string Purpose(string tenant, string pixelId) => $"pixel-token|{tenant}|{pixelId}";

    public async Task<IReadOnlyList<object>> SetAsync(
        NpgsqlConnection connection,
        string tenant,
        string pixelId,
        string token,
        string? testEventCode,
        CancellationToken cancellationToken
    )
    {
        var current = await ReadAsync(connection, tenant, pixelId, cancellationToken);
        var code = testEventCode switch
        {
            null => current?.TestEventCode,
            "" => null,
            _ => testEventCode,
        };
        if (current is { } known && known.TestEventCode == code && TryOpen(known.Token, tenant, pixelId) == token)
            return [];

        await using var upsert = connection.Command(
            """
            insert into pixel (tenant_id, pixel_id, sealed_token, test_event_code, token_set_at)
            values ($1, $2, $3, $4, $5)
            on conflict (tenant_id, pixel_id) do update set
                sealed_token = excluded.sealed_token, test_event_code = excluded.test_event_code, token_set_at = excluded.token_set_at
            """,
            tenant,
            pixelId,
            box.Seal(Purpose(tenant, pixelId), token),
            code,
            time.GetUtcNow()
        );
        await upsert.ExecuteNonQueryAsync(cancellationToken);
        return [new PixelTokenSet(pixelId, code)];
    }

    private static async Task<(byte[] Token, string? TestEventCode)?> ReadAsync(
        NpgsqlConnection connection,
        string tenant,
        string pixelId,
        CancellationToken cancellationToken
    )
    {
        await using var select = connection.Command(
            "select sealed_token, test_event_code from pixel where tenant_id = $1 and pixel_id = $2",
            tenant,
            pixelId
        );
        var pixels = await select.ListAsync(row => (row.GetFieldValue<byte[]>(0), row.TextOrNull(1)), cancellationToken);
        return pixels.Count == 0 ? null : pixels[0];
    }

    // Setting it anew is the remedy for a token that no longer opens.
    private string? TryOpen(byte[] token, string tenant, string pixelId)
    {
        try
        {
            return box.Open(Purpose(tenant, pixelId), token);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
