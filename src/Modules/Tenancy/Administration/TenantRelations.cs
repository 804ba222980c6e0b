using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>
/// Folds the facts into <c>tenant</c>, <c>funnel</c> and <c>gateway_connection</c>, in the transaction of the facts. Everything comes from the fact,
/// also the time, so that a rebuild gives the same rows.
/// </summary>
internal static class TenantRelations
{
    public static async Task ApplyAsync(string tenant, object @event, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = @event switch
        {
            TenantAdded added => connection.Command(
                """
                insert into tenant (slug, name, status, time_zone, created_at, updated_at)
                values ($1, $2, 'active', $3, $4, $4)
                """,
                tenant,
                added.Name,
                added.TimeZone,
                added.AddedAt
            ),
            TenantRenamed renamed => connection.Command(
                "update tenant set name = $2, updated_at = $3 where slug = $1",
                tenant,
                renamed.Name,
                renamed.RenamedAt
            ),
            TenantSuspended suspended => connection.Command(
                "update tenant set status = 'suspended', updated_at = $2 where slug = $1",
                tenant,
                suspended.SuspendedAt
            ),
            TenantActivated activated => connection.Command(
                "update tenant set status = 'active', updated_at = $2 where slug = $1",
                tenant,
                activated.ActivatedAt
            ),
            TenantOriginsSet set => connection.Command("update tenant set origins = $2 where slug = $1", tenant, set.Origins.ToArray()),
            TenantDataProcessingSet set => connection.Command(
                """
                update tenant
                set data_processing_options = $2, data_processing_country = $3, data_processing_state = $4, updated_at = $5
                where slug = $1
                """,
                tenant,
                set.Options.ToArray(),
                set.Country,
                set.State,
                set.SetAt
            ),
            FunnelAdded funnel => await FunnelAsync(tenant, funnel, connection, cancellationToken),
            GatewayAllowListSet list => connection.Command(
                """
                insert into gateway_connection (tenant_id, gateway, allowed_networks)
                values ($1, $2, $3)
                on conflict (tenant_id, gateway) do update set allowed_networks = excluded.allowed_networks
                """,
                tenant,
                list.Gateway,
                list.Networks.ToArray()
            ),
            GatewayUrlSegmentSet set => connection.Command(
                """
                insert into gateway_connection (tenant_id, gateway, allowed_networks, url_segment_digest)
                values ($1, $2, '{}', nullif($3, ''))
                on conflict (tenant_id, gateway) do update set url_segment_digest = excluded.url_segment_digest
                """,
                tenant,
                set.Gateway,
                set.Digest ?? ""
            ),
            GatewayAmountSet set => connection.Command(
                """
                insert into gateway_connection (tenant_id, gateway, allowed_networks, amount)
                values ($1, $2, '{}', $3)
                on conflict (tenant_id, gateway) do update set amount = excluded.amount
                """,
                tenant,
                set.Gateway,
                set.Amount
            ),
            FunnelRenewalsSet set => connection.Command(
                "update funnel set sends_renewals = $3 where tenant_id = $1 and id = $2",
                tenant,
                set.FunnelId,
                set.AreSent
            ),
            _ => null,
        };
        if (command is not null)
            await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<NpgsqlCommand> FunnelAsync(
        string tenant,
        FunnelAdded funnel,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        if (funnel.IsDefault)
        {
            await using var resign = connection.Command("update funnel set is_default = false where tenant_id = $1 and is_default", tenant);
            await resign.ExecuteNonQueryAsync(cancellationToken);
        }

        return connection.Command(
            """
            insert into funnel (tenant_id, id, name, gateway, product_id, pixel_id, is_default, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            tenant,
            funnel.FunnelId,
            funnel.Name,
            funnel.Gateway,
            funnel.ProductId,
            funnel.PixelId,
            funnel.IsDefault,
            funnel.AddedAt
        );
    }
}
