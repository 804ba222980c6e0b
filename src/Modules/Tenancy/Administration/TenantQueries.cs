using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>What commands list and show; straight from the tables, never a secret.</summary>
internal sealed class TenantQueries(NpgsqlDataSource dataSource, TimeProvider time)
{
    private const string SelectTenants = """
        select slug, name, status, time_zone, created_at, updated_at, data_processing_options, data_processing_country, data_processing_state, origins
        from tenant
        """;

    public async Task<IReadOnlyList<TenantInfo>> TenantsAsync(CancellationToken cancellationToken)
    {
        await using var select = dataSource.CreateCommand($"{SelectTenants} order by slug");
        return await select.ListAsync(ToTenant, cancellationToken);
    }

    /// <summary>Throws when there is no such tenant.</summary>
    public async Task<TenantInfo> TenantAsync(string slug, CancellationToken cancellationToken)
    {
        await using var select = Command($"{SelectTenants} where slug = $1", slug);
        var tenants = await select.ListAsync(ToTenant, cancellationToken);
        return tenants.Count == 1 ? tenants[0] : throw TenantChanges.UnknownTenant(slug);
    }

    public async Task<IReadOnlyList<FunnelInfo>> FunnelsAsync(string tenant, CancellationToken cancellationToken)
    {
        await using var select = Command(
            """
            select id, name, gateway, product_id, pixel_id, is_default, created_at, sends_renewals
            from funnel
            where tenant_id = $1
            order by created_at, id
            """,
            tenant
        );
        return await select.ListAsync(
            row => new FunnelInfo(
                row.GetString(0),
                row.GetString(1),
                row.TextOrNull(2),
                row.TextOrNull(3),
                row.TextOrNull(4),
                row.GetBoolean(5),
                row.Time(6)
            )
            {
                SendsRenewals = row.GetBoolean(7),
            },
            cancellationToken
        );
    }

    public async Task<IReadOnlyList<ConnectionInfo>> ConnectionsAsync(string tenant, CancellationToken cancellationToken)
    {
        await using var select = Command(
            """
            select gateway, s.set_at, s.previous_until, coalesce(c.allowed_networks, '{}'), c.url_segment_digest is not null, c.amount
            from (
                select tenant_id, gateway,
                       max(valid_from) filter (where valid_until is null) as set_at,
                       max(valid_until) filter (where valid_until > $2) as previous_until
                from gateway_secret
                where tenant_id = $1
                group by tenant_id, gateway
            ) s
            full join (select * from gateway_connection where tenant_id = $1) c using (tenant_id, gateway)
            order by gateway
            """,
            tenant,
            time.GetUtcNow()
        );
        return await select.ListAsync(
            row => new ConnectionInfo(row.GetString(0), row.TimeOrNull(1), row.TimeOrNull(2), row.GetFieldValue<string[]>(3))
            {
                HasUrlSegment = row.GetBoolean(4),
                Amount = row.TextOrNull(5),
            },
            cancellationToken
        );
    }

    public async Task<IReadOnlyList<PixelInfo>> PixelsAsync(string tenant, CancellationToken cancellationToken)
    {
        await using var select = Command(
            "select pixel_id, test_event_code, token_set_at from pixel where tenant_id = $1 order by pixel_id",
            tenant
        );
        return await select.ListAsync(row => new PixelInfo(row.GetString(0), row.TextOrNull(1), row.Time(2)), cancellationToken);
    }

    public async Task<IReadOnlyList<ApiKeyInfo>> ApiKeysAsync(string tenant, CancellationToken cancellationToken)
    {
        await using var select = Command(
            "select id, name, created_at, last_used_at, revoked_at, scopes, ends_at from api_key where tenant_id = $1 order by created_at, id",
            tenant
        );
        return await select.ListAsync(
            row => new ApiKeyInfo(row.GetGuid(0), row.GetString(1), row.Time(2), row.TimeOrNull(3), row.TimeOrNull(4))
            {
                Scopes = row.GetFieldValue<string[]>(5),
                EndsAt = row.TimeOrNull(6),
            },
            cancellationToken
        );
    }

    private NpgsqlCommand Command(string sql, params ReadOnlySpan<object> parameters)
    {
        var command = dataSource.CreateCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        return command;
    }

    private static TenantInfo ToTenant(NpgsqlDataReader row) =>
        new(
            row.GetString(0),
            row.GetString(1),
            row.GetString(2) == "active" ? TenantStatus.Active : TenantStatus.Suspended,
            row.GetString(3),
            row.Time(4),
            row.Time(5)
        )
        {
            DataProcessing = row.DataProcessingOrNull(6),
            Origins = row.GetFieldValue<string[]>(9),
        };
}
