using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>What became of one that was translated again.</summary>
/// <param name="Outcome"><c>sale</c>, <c>no_sale</c>, <c>not_understood</c> or <c>erased</c>.</param>
public sealed record ReplayedDelivery(string Tenant, string Gateway, string DeliveryId, string Outcome, string Detail);

/// <summary>Lists the deliveries that were not understood, and translates them again after a gateway's mapping was mended.</summary>
public sealed class ReplayDeliveries : IReadNotUnderstood
{
    private readonly KeptDeliveries kept;
    private readonly GatewayRegistry gateways;
    private readonly RecordDelivery record;
    private readonly IPersonalData people;
    private readonly ITenantAdministration tenants;

    internal ReplayDeliveries(
        KeptDeliveries kept,
        GatewayRegistry gateways,
        RecordDelivery record,
        IPersonalData people,
        ITenantAdministration tenants
    ) => (this.kept, this.gateways, this.record, this.people, this.tenants) = (kept, gateways, record, people, tenants);

    public async Task<IReadOnlyList<NotUnderstoodDelivery>> ListAsync(
        string? tenant,
        string? gateway,
        CancellationToken cancellationToken = default
    )
    {
        var bodies = await kept.ReadAsync(tenant, gateway, null, cancellationToken);
        var reasons = await kept.ReasonsAsync(bodies, cancellationToken);
        return
        [
            .. bodies.Zip(
                reasons,
                (one, why) => new NotUnderstoodDelivery(one.TenantId, why.Gateway, why.DeliveryId, why.ReceivedAt, why.Reason, why.Shape)
            ),
        ];
    }

    /// <param name="deliveryId">One of them; all where left out.</param>
    /// <param name="isRehearsal">Says what would come of it, and records nothing.</param>
    public async Task<IReadOnlyList<ReplayedDelivery>> ReplayAsync(
        string? tenant,
        string? gateway,
        string? deliveryId,
        bool isRehearsal,
        CancellationToken cancellationToken = default
    )
    {
        var bodies = await kept.ReadAsync(tenant, gateway, deliveryId, cancellationToken);
        var opened = await people.OpenContentAsync(
            [.. bodies.Select(one => new ProtectedPart(one.TenantId, one.StreamId, one.Body))],
            cancellationToken
        );
        var replayed = new List<ReplayedDelivery>();
        for (var index = 0; index < bodies.Count; index++)
            replayed.Add(await ReplayAsync(bodies[index], opened[index], isRehearsal, cancellationToken));
        return replayed;
    }

    private async Task<ReplayedDelivery> ReplayAsync(KeptDelivery one, byte[]? body, bool isRehearsal, CancellationToken cancellationToken)
    {
        var id = one.StreamId[(Streams.Delivery(one.Gateway, "").Length)..];
        if (body is null)
            return new(one.TenantId, one.Gateway, id, "erased", "its key was destroyed");
        if (gateways.Find(one.Gateway) is not { } gateway)
            return new(one.TenantId, one.Gateway, id, "not_understood", "there is no such gateway any more");

        var nothing = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var delivery = new WebhookDelivery(body, nothing, nothing, one.ReceivedAt) { Amount = await AmountAsync(one, cancellationToken) };
        var translation = gateway.Translate(delivery);
        var outcome = translation switch
        {
            Translation.Sale sale => new ReplayedDelivery(
                one.TenantId,
                one.Gateway,
                id,
                "sale",
                $"{sale.State} of order {RecordDelivery.WithoutPeople(sale.OrderId)}"
            ),
            Translation.NoSale other => new(one.TenantId, one.Gateway, id, "no_sale", $"{other.Kind}: {other.Reason}"),
            Translation.NotUnderstood unknown => new(
                one.TenantId,
                one.Gateway,
                id,
                "not_understood",
                RecordDelivery.WithoutPeople(unknown.Reason)
            ),
            _ => throw new InvalidOperationException($"There is no such translation: {translation.GetType().Name}."),
        };
        if (isRehearsal || translation is Translation.NotUnderstood)
            return
                translation is Translation.Sale said
                && await record.WhyRefusedAsync(one.TenantId, one.Gateway, said, cancellationToken) is { } why
                ? Refused(why)
                : outcome;

        try
        {
            await record.TryAsync(one.TenantId, one.Gateway, translation, delivery, isSettled: true, cancellationToken);
        }
        catch (Exception exception) when (RecordDelivery.WhyRefused(exception) is { } why)
        {
            return Refused(why);
        }
        await kept.UnderstoodAsync(
            one.TenantId,
            one.Gateway,
            delivery,
            translation is Translation.Sale known ? Streams.ConversionId(one.Gateway, known.OrderId) : null,
            cancellationToken
        );
        return outcome;

        ReplayedDelivery Refused(string why) => new(one.TenantId, one.Gateway, id, "not_understood", why);
    }

    // Not from the directory: a command that replays has not read it.
    private async Task<string?> AmountAsync(KeptDelivery one, CancellationToken cancellationToken) =>
        (await tenants.ListConnectionsAsync(one.TenantId, cancellationToken))
            .FirstOrDefault(connection => connection.Gateway == one.Gateway)
            ?.Amount;
}
