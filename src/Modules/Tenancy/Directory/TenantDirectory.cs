using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>All tenants in memory: one snapshot, replaced whole, read without a lock.</summary>
internal sealed partial class TenantDirectory(TenantReader reader, IMasterKeys keys, TimeProvider time, ILogger<TenantDirectory> logger)
    : ITenantDirectory
{
    private readonly SemaphoreSlim reloading = new(1, 1);
    private volatile TenantSnapshot? snapshot;

    public bool IsLoaded => snapshot is not null;

    private TenantSnapshot Snapshot =>
        snapshot ?? throw new InvalidOperationException("Tenants are read when the host starts; this process has not started it.");

    public Tenant? Find(string slug) => Known(slug)?.Tenant;

    public GatewayConnection? FindConnection(string slug, string gateway) =>
        Known(slug) is { } known && known.Connections.TryGetValue(gateway, out var connection) ? connection.At(time.GetUtcNow()) : null;

    public string? FindFunnel(string slug, string gateway, string? productId) => Known(slug)?.Funnels.Find(gateway, productId).FunnelId;

    public IReadOnlyList<string> RoutePixels(string slug, string gateway, string? productId) =>
        Known(slug)?.Funnels.Find(gateway, productId).Pixels ?? [];

    public bool SendsRenewals(string slug, string gateway, string? productId) =>
        Known(slug)?.Funnels.Find(gateway, productId).SendsRenewals ?? false;

    public Pixel? FindPixel(string slug, string pixelId) => Known(slug)?.Pixels.GetValueOrDefault(pixelId);

    public KnownApiKey? FindKey(KeyDigest digest) => Snapshot.ApiKeys.GetValueOrDefault(digest);

    /// <summary>The first load. Fails when the master key is the wrong one; what alone does not open under the right one stops nobody else.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await reloading.WaitAsync(cancellationToken);
        try
        {
            var read = await reader.ReadAsync(null, cancellationToken);
            if (read.Unopened.Count > 0 && keys.Problem() is { } problem)
                throw new InvalidOperationException(problem);
            snapshot = new TenantSnapshot(Settle(read, new Dictionary<string, KnownTenant>(StringComparer.Ordinal)));
        }
        finally
        {
            reloading.Release();
        }
    }

    /// <summary>Reads some tenants anew, or all for null. Does nothing before the first load. A secret or token that does not open stays as it was.</summary>
    public async Task ReloadAsync(IReadOnlyCollection<string>? slugs, CancellationToken cancellationToken)
    {
        if (!IsLoaded)
            return;
        // One at a time: what was read first must not be put in place last.
        await reloading.WaitAsync(cancellationToken);
        try
        {
            var read = await reader.ReadAsync(slugs, cancellationToken);
            var before = Snapshot;
            var found = Settle(read, before.Tenants);
            snapshot = slugs is null ? new TenantSnapshot(found) : before.With(slugs, found);
        }
        finally
        {
            reloading.Release();
        }
    }

    private Dictionary<string, KnownTenant>.ValueCollection Settle(ReadTenants read, IReadOnlyDictionary<string, KnownTenant> before)
    {
        var found = read.Known.ToDictionary(known => known.Tenant.Slug, StringComparer.Ordinal);
        foreach (var unopened in read.Unopened)
        {
            var kept = found[unopened.Slug].Keeping(unopened, before.GetValueOrDefault(unopened.Slug));
            if (kept is not null)
                found[unopened.Slug] = kept;
            LogUnopened(
                logger,
                unopened.Slug,
                unopened.Problem,
                kept is not null ? "This host goes on with what it knew."
                    : unopened.Gateway is null ? "What is to be sent to it waits until then."
                    : found[unopened.Slug].Connections[unopened.Gateway].Now.Secrets.Count > 0 ? "Its other secret is still taken."
                    : "Its deliveries are answered 503 until then."
            );
        }
        return found.Values;
    }

    /// <summary>
    /// Reads a tenant anew that was just changed here, so that whoever changed it need not wait for the notification. Never fails: the change is on
    /// disk, and its notification has the tenant read anyway.
    /// </summary>
    public async Task CatchUpAsync(string slug)
    {
        try
        {
            await ReloadAsync([slug], CancellationToken.None);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            LogLate(logger, slug, exception);
        }
    }

    private KnownTenant? Known(string slug) => Snapshot.Tenants.GetValueOrDefault(slug);

    [LoggerMessage(7003, LogLevel.Warning, "Tenant {Tenant} was changed; this host sees it a little later, Postgres did not answer.")]
    private static partial void LogLate(ILogger logger, string tenant, Exception exception);

    [LoggerMessage(7001, LogLevel.Error, "Something of tenant {Tenant} cannot be used. {Problem} {Consequence}")]
    private static partial void LogUnopened(ILogger logger, string tenant, string problem, string consequence);
}
