using TrackAi.Contracts;
using TrackAi.Dashboard.Figures;
using Gateways = TrackAi.Dashboard.Pages.Settings.Gateways;

namespace TrackAi.Dashboard.Web.Exports;

internal sealed class FunnelsExport(ITenantAdministration tenants) : IExport
{
    public string Name => "funnels";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken) =>
        ExportTable.Of(
            await tenants.ListFunnelsAsync(scope.Tenant, cancellationToken),
            ("funnel_id", funnel => funnel.FunnelId),
            ("name", funnel => funnel.Name),
            ("gateway", funnel => funnel.Gateway),
            ("product_id", funnel => funnel.ProductId),
            ("pixel_id", funnel => funnel.PixelId),
            ("is_default", funnel => funnel.IsDefault),
            ("sends_renewals", funnel => funnel.SendsRenewals),
            ("created_at", funnel => funnel.CreatedAt)
        );
}

internal sealed class GatewaysExport(ITenantAdministration tenants, IGatewayAmounts amounts, IFeatureFlags flags) : IExport
{
    public string Name => "gateways";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken)
    {
        var connections = (await tenants.ListConnectionsAsync(scope.Tenant, cancellationToken)).ToDictionary(
            connection => connection.Gateway,
            StringComparer.Ordinal
        );
        var off = (await flags.ListAsync(cancellationToken))
            .Where(flag => !flag.IsOn)
            .Select(flag => flag.Name)
            .ToHashSet(StringComparer.Ordinal);
        return ExportTable.Of(
            Gateways.Names.Select(name => (Name: name, Set: connections.GetValueOrDefault(name))),
            ("gateway", gateway => gateway.Name),
            ("is_connected", gateway => gateway.Set?.SecretSetAt is not null),
            ("is_switched_off", gateway => off.Contains($"gateway_{gateway.Name}")),
            ("secret_set_at", gateway => gateway.Set?.SecretSetAt),
            ("secret_before_valid_until", gateway => gateway.Set?.PreviousValidUntil),
            ("allowed_networks", gateway => string.Join(' ', gateway.Set?.AllowedNetworks ?? [])),
            ("has_secret_end", gateway => gateway.Set?.HasUrlSegment ?? false),
            ("amount", gateway => gateway.Set?.Amount ?? (amounts.Of(gateway.Name) is [var usual, ..] ? usual : null))
        );
    }
}

internal sealed class PeopleExport(IUsers users) : IExport
{
    public string Name => "people";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken) =>
        ExportTable.Of(
            await users.ListAsync(scope.Tenant, cancellationToken),
            ("name", user => user.Name),
            ("email", user => user.Email),
            ("role", user => user.Tenants.First(one => one.TenantId == scope.Tenant).Role == TenantRole.Owner ? "owner" : "viewer"),
            ("has_password", user => user.HasPassword),
            ("has_authenticator", user => user.HasTotp),
            ("last_signed_in_at", user => user.LastSignedInAt)
        );
}

internal sealed class ApiKeysExport(IApiKeys keys) : IExport
{
    public string Name => "api-keys";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken) =>
        ExportTable.Of(
            (await keys.ListAsync(scope.Tenant, cancellationToken)).Reverse(),
            ("name", key => key.Name),
            ("scopes", key => string.Join(' ', key.Scopes)),
            ("created_at", key => key.CreatedAt),
            ("last_used_at", key => key.LastUsedAt),
            ("ends_at", key => key.EndsAt),
            ("revoked_at", key => key.RevokedAt)
        );
}

internal sealed class AuditExport(ISettingsHistory history, IUsers users) : IExport
{
    public string Name => "audit";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken)
    {
        var audit = await Audit.ReadAsync(scope.Tenant, history, users, cancellationToken);
        return ExportTable.Of(
            audit.Changes,
            ("at", change => change.At),
            ("by", change => audit.PersonOf(change.By) ?? change.By),
            ("what", change => change.Type),
            ("for_every_tenant", change => change.IsForAll),
            ("values", change => string.Join("; ", change.Facts.Select(fact => $"{fact.Key}: {audit.Named(fact.Value)}")))
        );
    }
}
