using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>The tenant's pixels and whatever else something waits for: when their tokens were set, and how they do.</summary>
internal sealed class PixelsExport(ITenantAdministration tenants, IPixelControl control) : IExport
{
    public string Name => "pixels";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken)
    {
        var set = (await tenants.ListPixelsAsync(scope.Tenant, cancellationToken)).ToDictionary(
            pixel => pixel.PixelId,
            StringComparer.Ordinal
        );
        var known = (await control.ListAsync(scope.Tenant, cancellationToken)).ToDictionary(pixel => pixel.PixelId, StringComparer.Ordinal);
        return ExportTable.Of(
            set.Keys.Union(known.Keys, StringComparer.Ordinal)
                .Select(id => (Id: id, Set: set.GetValueOrDefault(id), Now: known.GetValueOrDefault(id))),
            ("pixel_id", pixel => pixel.Id),
            ("token_set_at", pixel => pixel.Set?.TokenSetAt),
            ("test_event_code", pixel => pixel.Set?.TestEventCode),
            ("state", pixel => pixel.Now?.State ?? "ok"),
            ("reason", pixel => pixel.Now?.Reason),
            ("since", pixel => pixel.Now?.Since),
            ("until", pixel => pixel.Now?.Until),
            ("error", pixel => pixel.Now?.Error),
            ("waiting", pixel => pixel.Now?.Waiting ?? 0),
            ("next_expiry", pixel => pixel.Now?.NextExpiry),
            ("token_alert", pixel => pixel.Now?.TokenAlert),
            ("token_expires_at", pixel => pixel.Now?.TokenExpiresAt),
            ("token_checked_at", pixel => pixel.Now?.TokenCheckedAt)
        );
    }
}

internal sealed class ReadModelsExport(ProjectionProgress progress, PostgresEventStore store) : IExport
{
    public string Name => "read-models";

    // Hosts and what went wrong in them are an operator's to know.
    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken)
    {
        var mark = await store.ReadHighWaterMarkAsync(cancellationToken);
        var isOperator = scope.Seen.User.IsOperator;
        return ExportTable.Of(
            await progress.ReadAsync(cancellationToken),
            ("name", shard => shard.Name.Split(':')[0]),
            ("state", shard => shard.State),
            ("position", shard => shard.Progress),
            ("behind", shard => Math.Max(0, mark - shard.Progress)),
            ("host", shard => isOperator ? shard.Owner : null),
            ("error", shard => isOperator ? shard.Error : null)
        );
    }
}

internal sealed class NotUnderstoodExport(IReadNotUnderstood deliveries) : IExport
{
    public string Name => "not-understood";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken) =>
        ExportTable.Of(
            (await deliveries.ListAsync(scope.Tenant, null, cancellationToken)).Reverse(),
            ("received_at", delivery => delivery.ReceivedAt),
            ("gateway", delivery => delivery.Gateway),
            ("delivery_id", delivery => delivery.DeliveryId),
            ("reason", delivery => delivery.Reason),
            ("fields", delivery => delivery.Shape)
        );
}
