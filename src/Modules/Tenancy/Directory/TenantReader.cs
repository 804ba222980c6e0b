using System.Collections.Frozen;
using System.Security.Cryptography;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>A secret or token that does not open under the master key, as an operator must hear of it.</summary>
/// <param name="Gateway">Whose secret it is; null for a pixel's token.</param>
/// <param name="PixelId">Whose token it is; null for a gateway's secret.</param>
internal sealed record Unopened(string Slug, string? Gateway, string? PixelId, string Problem)
{
    public static Unopened Secret(string tenant, string gateway) =>
        new(
            tenant,
            gateway,
            null,
            $"The secret of {gateway} of tenant {tenant} does not open under Secrets:MasterKey. Set it anew: 'gateways set {tenant} {gateway} --secret -'."
        );

    public static Unopened Token(string tenant, string pixelId) =>
        new(
            tenant,
            null,
            pixelId,
            $"The token of pixel {pixelId} of tenant {tenant} does not open under Secrets:MasterKey. Set it anew: 'pixels set {tenant} {pixelId} --token -'."
        );
}

internal sealed record ReadTenants(IReadOnlyList<KnownTenant> Known, IReadOnlyList<Unopened> Unopened);

/// <summary>Reads tenants with all that belongs to them, in one round trip, and opens what is sealed.</summary>
internal sealed class TenantReader(NpgsqlDataSource dataSource, ISecretBox box)
{
    private const string Sql = """
        select slug, name, status, time_zone, data_processing_options, data_processing_country, data_processing_state, origins
        from tenant where $1::text[] is null or slug = any ($1);

        select tenant_id, id, gateway, product_id, pixel_id, is_default, sends_renewals
        from funnel where $1::text[] is null or tenant_id = any ($1)
        order by tenant_id, created_at, id;

        select tenant_id, gateway, allowed_networks, url_segment_digest, amount
        from gateway_connection where $1::text[] is null or tenant_id = any ($1);

        select tenant_id, gateway, secret_id, sealed, valid_until
        from gateway_secret where $1::text[] is null or tenant_id = any ($1)
        order by valid_until desc nulls first;

        select tenant_id, pixel_id, sealed_token, test_event_code
        from pixel where $1::text[] is null or tenant_id = any ($1)
        order by tenant_id, pixel_id;

        select id, tenant_id, hash, scopes, ends_at from api_key where revoked_at is null and ($1::text[] is null or tenant_id = any ($1))
        """;

    /// <param name="slugs">Null reads all.</param>
    public async Task<ReadTenants> ReadAsync(IReadOnlyCollection<string>? slugs, CancellationToken cancellationToken)
    {
        var rows = await ReadRowsAsync(slugs, cancellationToken);
        var unopened = new List<Unopened>();
        var known = rows.Tenants.Select(row => Open(row.Tenant, row.Processing, rows, unopened)).ToArray();
        return new ReadTenants(known, unopened);
    }

    private async Task<Rows> ReadRowsAsync(IReadOnlyCollection<string>? slugs, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in Sql.Split(';'))
            batch.BatchCommands.Add(
                new NpgsqlBatchCommand(sql)
                {
                    Parameters =
                    {
                        new()
                        {
                            Value = (object?)slugs?.ToArray() ?? DBNull.Value,
                            NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Text,
                        },
                    },
                }
            );

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        async Task<List<T>> NextAsync<T>(Func<NpgsqlDataReader, T> read, bool last = false)
        {
            var list = new List<T>();
            while (await reader.ReadAsync(cancellationToken))
                list.Add(read(reader));
            if (!last)
                await reader.NextResultAsync(cancellationToken);
            return list;
        }

        var tenants = await NextAsync(row =>
            (
                Tenant: new Tenant(
                    row.GetString(0),
                    row.GetString(1),
                    row.GetString(2) == "active" ? TenantStatus.Active : TenantStatus.Suspended,
                    row.GetString(3)
                )
                {
                    Origins = row.GetFieldValue<string[]>(7),
                },
                Processing: row.DataProcessingOrNull(4)
            )
        );
        var funnels = await NextAsync(row =>
            (
                Slug: row.GetString(0),
                Funnel: new Funnel(row.GetString(1), row.TextOrNull(2), row.TextOrNull(3), row.TextOrNull(4), row.GetBoolean(5))
                {
                    SendsRenewals = row.GetBoolean(6),
                }
            )
        );
        var settings = await NextAsync(row =>
            (
                Key: (row.GetString(0), row.GetString(1)),
                Settings: new Settings(row.GetFieldValue<string[]>(2), row.TextOrNull(3), row.TextOrNull(4))
            )
        );
        var secrets = await NextAsync(row =>
            (
                Slug: row.GetString(0),
                Gateway: row.GetString(1),
                Secret: new SealedSecret(row.GetGuid(2), row.GetFieldValue<byte[]>(3), row.TimeOrNull(4))
            )
        );
        var pixels = await NextAsync(row =>
            (Slug: row.GetString(0), Pixel: new SealedPixel(row.GetString(1), row.GetFieldValue<byte[]>(2), row.TextOrNull(3)))
        );
        var keys = await NextAsync(
            row => new KnownApiKey(
                row.GetGuid(0),
                row.GetString(1),
                KeyDigest.Of(row.GetFieldValue<byte[]>(2)),
                row.GetFieldValue<string[]>(3),
                row.TimeOrNull(4)
            ),
            last: true
        );

        return new Rows(
            tenants,
            funnels.ToLookup(row => row.Slug, row => row.Funnel, StringComparer.Ordinal),
            settings.ToDictionary(row => row.Key, row => row.Settings),
            secrets.ToLookup(row => row.Slug, row => (row.Gateway, row.Secret), StringComparer.Ordinal),
            pixels.ToLookup(row => row.Slug, row => row.Pixel, StringComparer.Ordinal),
            keys.ToLookup(key => key.Tenant, StringComparer.Ordinal)
        );
    }

    // What does not open is left out and told; the rest of the tenant is as it should be.
    private KnownTenant Open(Tenant tenant, DataProcessing? processing, Rows rows, List<Unopened> unopened)
    {
        var slug = tenant.Slug;
        var pixels = rows.Pixels[slug].ToArray();
        return new KnownTenant(
            tenant,
            rows.Secrets[slug]
                .GroupBy(row => row.Gateway, row => row.Secret, StringComparer.Ordinal)
                .ToFrozenDictionary(
                    group => group.Key,
                    group => Open(slug, group.Key, [.. group], rows.Settings.GetValueOrDefault((slug, group.Key), Settings.None), unopened),
                    StringComparer.Ordinal
                ),
            // Sales are still meant for a pixel whose token does not open: they wait for another one.
            new FunnelRoutes([.. rows.Funnels[slug]], [.. pixels.Select(pixel => pixel.PixelId)]),
            pixels
                .Select(pixel => Open(slug, pixel, processing, unopened))
                .OfType<Pixel>()
                .ToFrozenDictionary(pixel => pixel.PixelId, StringComparer.Ordinal),
            [.. rows.ApiKeys[slug]]
        );
    }

    // The current one is the one without an end. No connection is left out: without a secret it takes nothing in, and says why.
    private KnownConnection Open(
        string tenant,
        string gateway,
        IReadOnlyList<SealedSecret> secrets,
        Settings settings,
        List<Unopened> unopened
    )
    {
        var opened = secrets
            .Select(secret => (secret.ValidUntil, Text: TryOpen(() => secret.Open(box, tenant, gateway))))
            .Where(secret => secret.Text is not null)
            .ToArray();
        if (opened.Length < secrets.Count)
            unopened.Add(Unopened.Secret(tenant, gateway));
        var connection = new GatewayConnection(gateway, [.. opened.Select(secret => secret.Text!)], settings.Networks)
        {
            UrlSegmentDigest = settings.UrlSegmentDigest,
            Amount = settings.Amount,
        };
        return new KnownConnection(
            connection,
            connection with
            {
                Secrets = [.. opened.Where(secret => secret.ValidUntil is null).Select(secret => secret.Text!)],
            },
            opened.Select(secret => secret.ValidUntil).FirstOrDefault(until => until is not null)
        );
    }

    private Pixel? Open(string tenant, SealedPixel pixel, DataProcessing? processing, List<Unopened> unopened)
    {
        if (TryOpen(() => box.Open(PixelTokens.Purpose(tenant, pixel.PixelId), pixel.Token)) is { } token)
            return new Pixel(pixel.PixelId, token, pixel.TestEventCode) { DataProcessing = processing };
        unopened.Add(Unopened.Token(tenant, pixel.PixelId));
        return null;
    }

    private static string? TryOpen(Func<string> open)
    {
        try
        {
            return open();
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private sealed record SealedPixel(string PixelId, byte[] Token, string? TestEventCode);

    /// <summary>What a delivery must show beside its proof, and how it is read.</summary>
    private sealed record Settings(IReadOnlyList<string> Networks, string? UrlSegmentDigest, string? Amount)
    {
        public static readonly Settings None = new([], null, null);
    }

    private sealed record Rows(
        IReadOnlyList<(Tenant Tenant, DataProcessing? Processing)> Tenants,
        ILookup<string, Funnel> Funnels,
        IReadOnlyDictionary<(string Slug, string Gateway), Settings> Settings,
        ILookup<string, (string Gateway, SealedSecret Secret)> Secrets,
        ILookup<string, SealedPixel> Pixels,
        ILookup<string, KnownApiKey> ApiKeys
    );
}
