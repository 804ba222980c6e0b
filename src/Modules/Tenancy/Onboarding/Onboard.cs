using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <inheritdoc/>
internal sealed class Onboard(ITenantAdministration tenants, IMasterKeys keys) : IOnboarding
{
    public async Task<Onboarded> OnboardAsync(Onboarding wanted, CancellationToken cancellationToken = default)
    {
        if (wanted.PixelToken is not null && wanted.Pixel is null)
            throw new TenantChangeRefusedException(
                TenantRefusal.Invalid,
                "pixel",
                "A pixel token needs its pixel; give the pixel's id, too."
            );

        // Asked first, or it would be left half done.
        if ((wanted.Secret ?? wanted.PixelToken) is not null && keys.Problem() is { } problem)
            throw new InvalidOperationException(problem);

        var slug = wanted.Tenant;
        var funnel = wanted.Funnel ?? wanted.Gateway.Trim().ToLowerInvariant();
        var changed = new List<string>();
        async Task NoteAsync(string what, Task<bool> change)
        {
            if (await change)
                changed.Add(what);
        }

        await NoteAsync("tenant", EnsureTenantAsync(wanted, cancellationToken));
        await NoteAsync("funnel", EnsureFunnelAsync(wanted, funnel, cancellationToken));
        if (wanted.Secret is { } secret)
            await NoteAsync("secret", tenants.SetGatewaySecretAsync(slug, wanted.Gateway, secret, cancellationToken: cancellationToken));
        if (wanted.PixelToken is { } token)
            await NoteAsync("pixel", tenants.SetPixelAsync(slug, wanted.Pixel!, token, wanted.TestEventCode, cancellationToken));
        if (wanted.Origins is { } origins)
            await NoteAsync("origins", tenants.SetOriginsAsync(slug, origins, cancellationToken));

        var now = await tenants.ShowAsync(slug, cancellationToken);
        var stands = now.Funnels.Single(one => one.FunnelId == funnel);
        return new Onboarded(slug, funnel, stands.Gateway!, changed, Missing(now, stands));
    }

    private async Task<bool> EnsureTenantAsync(Onboarding wanted, CancellationToken cancellationToken)
    {
        if ((await tenants.ListAsync(cancellationToken)).Any(tenant => tenant.Slug == wanted.Tenant))
            return wanted.Name is { } name && await tenants.RenameTenantAsync(wanted.Tenant, name, cancellationToken);
        await tenants.AddTenantAsync(
            wanted.Tenant,
            wanted.Name ?? wanted.Tenant,
            wanted.TimeZone ?? ITenantAdministration.DefaultTimeZone,
            cancellationToken
        );
        return true;
    }

    // A funnel without a pixel of its own sends to the tenant's, so one may come later. The first funnel of a tenant takes the sales that belong to no other.
    private async Task<bool> EnsureFunnelAsync(Onboarding wanted, string id, CancellationToken cancellationToken)
    {
        var funnels = await tenants.ListFunnelsAsync(wanted.Tenant, cancellationToken);
        if (funnels.FirstOrDefault(funnel => funnel.FunnelId == id) is { } known)
            return
                string.Equals(known.Gateway, wanted.Gateway.Trim(), StringComparison.OrdinalIgnoreCase)
                && (wanted.Product ?? known.ProductId) == known.ProductId
                && (known.PixelId ?? wanted.Pixel) == (wanted.Pixel ?? known.PixelId)
                ? false
                : throw new TenantChangeRefusedException(
                    TenantRefusal.Exists,
                    "funnel",
                    $"Funnel '{id}' exists already with another gateway, product or pixel; give another id, or see it with 'funnels list {wanted.Tenant}'."
                );
        await tenants.AddFunnelAsync(
            wanted.Tenant,
            id,
            gateway: wanted.Gateway,
            productId: wanted.Product,
            pixelId: wanted.Pixel,
            isDefault: funnels.Count == 0,
            cancellationToken: cancellationToken
        );
        return true;
    }

    private static List<string> Missing(TenantDetails now, FunnelInfo funnel)
    {
        var slug = now.Tenant.Slug;
        var missing = new List<string>();
        if (!now.Connections.Any(connection => connection.Gateway == funnel.Gateway && connection.SecretSetAt is not null))
            missing.Add($"secret: gateways set {slug} {funnel.Gateway} --secret -");
        if (!now.Pixels.Any(pixel => funnel.PixelId is null || pixel.PixelId == funnel.PixelId))
            missing.Add($"pixel: pixels set {slug} {funnel.PixelId ?? "PIXEL"} --token -");
        return missing;
    }
}
