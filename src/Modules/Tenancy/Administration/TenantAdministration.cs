using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <inheritdoc/>
internal sealed class TenantAdministration(
    TenantChanges changes,
    TenantQueries queries,
    TenantRules rules,
    ISecretBox box,
    Ids ids,
    IOptions<TenancyOptions> options,
    PostgresEventStore store,
    TimeProvider time
) : ITenantAdministration
{
    private readonly GatewaySecrets secrets = new(box, ids, time);
    private readonly PixelTokens tokens = new(box, time);

    public async Task AddTenantAsync(
        string slug,
        string name,
        string timeZone = ITenantAdministration.DefaultTimeZone,
        CancellationToken cancellationToken = default
    )
    {
        var added = new TenantAdded(TenantRules.Slug(slug), TenantRules.Name(name), TenantRules.TimeZone(timeZone), time.GetUtcNow());
        await changes.MakeAsync(slug, state => TenantDecisions.Add(state, added), cancellationToken);
    }

    public async Task<bool> RenameTenantAsync(string slug, string name, CancellationToken cancellationToken = default)
    {
        var renamed = new TenantRenamed(slug, TenantRules.Name(name), time.GetUtcNow());
        return await ChangeAsync(slug, state => TenantDecisions.Rename(state, renamed), cancellationToken);
    }

    public Task<bool> SuspendAsync(string slug, string? reason = null, CancellationToken cancellationToken = default) =>
        ChangeAsync(slug, state => TenantDecisions.Suspend(state, new TenantSuspended(slug, reason, time.GetUtcNow())), cancellationToken);

    public Task<bool> ActivateAsync(string slug, CancellationToken cancellationToken = default) =>
        ChangeAsync(slug, state => TenantDecisions.Activate(state, new TenantActivated(slug, time.GetUtcNow())), cancellationToken);

    public async Task<bool> SetOriginsAsync(
        string tenant,
        IReadOnlyCollection<string> origins,
        CancellationToken cancellationToken = default
    )
    {
        var set = new TenantOriginsSet(TenantRules.Origins(origins));
        return await ChangeAsync(tenant, state => TenantDecisions.SetOrigins(state, set), cancellationToken);
    }

    public async Task<bool> SetDataProcessingAsync(string slug, DataProcessing? processing, CancellationToken cancellationToken = default)
    {
        var set = TenantRules.DataProcessing(processing, time.GetUtcNow());
        return await ChangeAsync(slug, state => TenantDecisions.SetDataProcessing(state, set), cancellationToken);
    }

    public Task<IReadOnlyList<TenantInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        queries.TenantsAsync(cancellationToken);

    public async Task<TenantDetails> ShowAsync(string slug, CancellationToken cancellationToken = default) =>
        new(
            await queries.TenantAsync(slug, cancellationToken),
            await queries.FunnelsAsync(slug, cancellationToken),
            await queries.ConnectionsAsync(slug, cancellationToken),
            await queries.PixelsAsync(slug, cancellationToken)
        );

    public async Task AddFunnelAsync(
        string tenant,
        string funnelId,
        string? name = null,
        string? gateway = null,
        string? productId = null,
        string? pixelId = null,
        bool isDefault = false,
        CancellationToken cancellationToken = default
    )
    {
        var funnel = new FunnelAdded(
            TenantRules.FunnelId(funnelId),
            TenantRules.Name(name ?? funnelId),
            gateway is null ? null : rules.Gateway(gateway),
            TenantRules.ProductId(productId),
            pixelId is null ? null : TenantRules.PixelId(pixelId),
            isDefault,
            time.GetUtcNow()
        );
        await ChangeAsync(tenant, state => TenantDecisions.AddFunnel(state, funnel), cancellationToken);
    }

    public async Task<IReadOnlyList<FunnelInfo>> ListFunnelsAsync(string tenant, CancellationToken cancellationToken = default)
    {
        await queries.TenantAsync(tenant, cancellationToken);
        return await queries.FunnelsAsync(tenant, cancellationToken);
    }

    public async Task<bool> SetGatewaySecretAsync(
        string tenant,
        string gateway,
        string secret,
        TimeSpan? overlap = null,
        CancellationToken cancellationToken = default
    )
    {
        var (name, checkedSecret) = (rules.Gateway(gateway), TenantRules.Secret(secret));
        var stays = TenantRules.Overlap(overlap ?? options.Value.SecretOverlap);
        return await changes.MakeAsync(
            tenant,
            change => secrets.SetAsync(Existing(change).Connection, tenant, name, checkedSecret, stays, cancellationToken),
            cancellationToken
        );
    }

    public Task<bool> SetRenewalsAsync(string tenant, string funnelId, bool areSent, CancellationToken cancellationToken = default) =>
        ChangeAsync(
            tenant,
            state => TenantDecisions.SetRenewals(state, new FunnelRenewalsSet(funnelId, areSent, time.GetUtcNow())),
            cancellationToken
        );

    public async Task<string> NewUrlSegmentAsync(string tenant, string gateway, CancellationToken cancellationToken = default)
    {
        var segment = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(segment)));
        await SetUrlSegmentAsync(tenant, gateway, digest, cancellationToken);
        return segment;
    }

    public Task<bool> RemoveUrlSegmentAsync(string tenant, string gateway, CancellationToken cancellationToken = default) =>
        SetUrlSegmentAsync(tenant, gateway, digest: null, cancellationToken);

    private async Task<bool> SetUrlSegmentAsync(string tenant, string gateway, string? digest, CancellationToken cancellationToken)
    {
        var set = new GatewayUrlSegmentSet(rules.Gateway(gateway), digest, time.GetUtcNow());
        return await ChangeAsync(tenant, state => TenantDecisions.SetUrlSegment(state, set), cancellationToken);
    }

    public async Task<bool> SetAmountAsync(string tenant, string gateway, string amount, CancellationToken cancellationToken = default)
    {
        var name = rules.Gateway(gateway);
        var set = new GatewayAmountSet(name, rules.Amount(name, amount), time.GetUtcNow());
        return await ChangeAsync(tenant, state => TenantDecisions.SetAmount(state, set), cancellationToken);
    }

    public async Task<bool> SetAllowListAsync(
        string tenant,
        string gateway,
        IReadOnlyCollection<string> networks,
        CancellationToken cancellationToken = default
    )
    {
        var list = new GatewayAllowListSet(rules.Gateway(gateway), TenantRules.Networks(networks));
        return await ChangeAsync(tenant, state => TenantDecisions.SetAllowList(state, list), cancellationToken);
    }

    public async Task<IReadOnlyList<ConnectionInfo>> ListConnectionsAsync(string tenant, CancellationToken cancellationToken = default)
    {
        await queries.TenantAsync(tenant, cancellationToken);
        return await queries.ConnectionsAsync(tenant, cancellationToken);
    }

    public async Task<bool> SetPixelAsync(
        string tenant,
        string pixelId,
        string token,
        string? testEventCode = null,
        CancellationToken cancellationToken = default
    )
    {
        var (pixel, checkedToken, code) = (
            TenantRules.PixelId(pixelId),
            TenantRules.Token(token),
            TenantRules.TestEventCode(testEventCode)
        );
        return await changes.MakeAsync(
            tenant,
            change => tokens.SetAsync(Existing(change).Connection, tenant, pixel, checkedToken, code, cancellationToken),
            cancellationToken
        );
    }

    public async Task<IReadOnlyList<PixelInfo>> ListPixelsAsync(string tenant, CancellationToken cancellationToken = default)
    {
        await queries.TenantAsync(tenant, cancellationToken);
        return await queries.PixelsAsync(tenant, cancellationToken);
    }

    public Task<int> RebuildRelationsAsync(CancellationToken cancellationToken = default) =>
        RebuildRelations.RunAsync(store, cancellationToken);

    private Task<bool> ChangeAsync(string slug, Func<TenantState, IReadOnlyList<object>> decide, CancellationToken cancellationToken) =>
        changes.MakeAsync(slug, change => Task.FromResult(decide(Existing(change).State)), cancellationToken);

    private static TenantChange Existing(TenantChange change) =>
        change.State.Name is null ? throw TenantChanges.UnknownTenant(change.Slug) : change;
}
