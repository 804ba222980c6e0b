using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>
/// Turns what a delivery says into facts in the log. A delivery counts once by its id, decided by the log in the append itself.
/// </summary>
internal sealed class RecordDelivery(PostgresEventStore store, IPersonalData people, RecordSale sales, SaleNames names)
{
    public const string Archived = "the stream of its sale is archived";

    /// <summary>Records it; what cannot be added to an archived sale is kept, so that nothing is lost and no gateway retries for ever.</summary>
    public async Task<WebhookAccepted> HandleAsync(
        string tenant,
        string gateway,
        Translation translation,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await TryAsync(tenant, gateway, translation, delivery, cancellationToken: cancellationToken);
        }
        catch (ArchivedStreamException)
        {
            return await RecordNotUnderstoodAsync(tenant, gateway, new Translation.NotUnderstood(Archived), delivery, cancellationToken);
        }
    }

    /// <summary>Records it, or throws <see cref="ArchivedStreamException"/> where its sale takes nothing in any more.</summary>
    /// <param name="isSettled">It was held as long as it may be; now it is recorded as what it is.</param>
    public Task<WebhookAccepted> TryAsync(
        string tenant,
        string gateway,
        Translation translation,
        WebhookDelivery delivery,
        bool isSettled = false,
        CancellationToken cancellationToken = default
    ) =>
        translation switch
        {
            Translation.Sale sale => RecordSaleAsync(tenant, gateway, sale, delivery, isSettled, cancellationToken),
            Translation.NoSale other => RecordNoSaleAsync(tenant, gateway, other, delivery, cancellationToken),
            Translation.NotUnderstood unknown => RecordNotUnderstoodAsync(tenant, gateway, unknown, delivery, cancellationToken),
            _ => throw new InvalidOperationException($"There is no such translation: {translation.GetType().Name}."),
        };

    /// <summary>Whether its sale takes nothing in any more, as far as can be told without recording anything.</summary>
    public async Task<bool> IsArchivedAsync(string tenant, string gateway, Translation.Sale sale, CancellationToken cancellationToken)
    {
        var stream = new StreamId(tenant, Streams.Conversion(Streams.ConversionId(gateway, sale.OrderId)));
        return (await store.ReadStreamAsync(stream, cancellationToken)).Any(recorded => recorded.IsArchived);
    }

    private async Task<WebhookAccepted> RecordSaleAsync(
        string tenant,
        string gateway,
        Translation.Sale sale,
        WebhookDelivery delivery,
        bool isSettled,
        CancellationToken cancellationToken
    )
    {
        var order = sale.Join is null ? sale.OrderId : await names.OrderOfAsync(tenant, gateway, sale.Join, isSettled, cancellationToken);
        if (order is null)
            return await HoldAsync(tenant, gateway, sale, delivery, cancellationToken);

        // A payment of another sale adds to that sale and never begins it: only the sale's own delivery knows what it is (a renewal, say).
        var mayBegin = sale is { Undoes: null, OnlyAdds: false } && (order == sale.OrderId || sale.Join is { IsProvisional: false });
        return await sales.HandleAsync(tenant, gateway, sale with { OrderId = order }, delivery, mayBegin, cancellationToken)
            ?? await RecordOtherAsync(
                tenant,
                gateway,
                new DeliveryAcknowledged(
                    gateway,
                    delivery.Digest,
                    WithoutPeople(sale.GatewayStatus),
                    "the sale that it is about is not known",
                    delivery.ReceivedAt
                ),
                [],
                delivery,
                cancellationToken
            );
    }

    private async Task<WebhookAccepted> RecordNoSaleAsync(
        string tenant,
        string gateway,
        Translation.NoSale other,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        if (other.Join is { } join)
            await names.OrderOfAsync(tenant, gateway, join, isSettled: true, cancellationToken);
        var fact = new DeliveryAcknowledged(gateway, delivery.Digest, WithoutPeople(other.Kind), other.Reason, delivery.ReceivedAt);
        return await RecordOtherAsync(tenant, gateway, fact, [], delivery, cancellationToken);
    }

    private async Task<WebhookAccepted> RecordNotUnderstoodAsync(
        string tenant,
        string gateway,
        Translation.NotUnderstood unknown,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        var stream = Streams.Delivery(gateway, delivery.Digest);
        var body = people.SealNew(tenant, stream, delivery.Body.Span);
        var fact = new DeliveryNotUnderstood(
            gateway,
            delivery.Digest,
            WithoutPeople(unknown.Reason),
            BodyShape.Of(delivery.Json),
            delivery.ReceivedAt
        );
        var kept = new KeptDelivery(tenant, stream, gateway, delivery.ReceivedAt, body.Protected);
        var recorded = await RecordOtherAsync(tenant, gateway, fact, [body.Key!, kept], delivery, cancellationToken);
        return recorded with
        {
            Note = $"Kept, not understood: {fact.Reason}",
            Outcome = recorded.Duplicate ? "duplicate" : "not_understood",
        };
    }

    /// <summary>Keeps, as not understood, one that was held: its body is encrypted already, under the key of its stream.</summary>
    public Task KeepHeldAsync(HeldDelivery held, WebhookDelivery delivery, string reason, CancellationToken cancellationToken) =>
        store.AppendAsync(
            new Append(
                new StreamId(held.TenantId, held.StreamId),
                [
                    new DeliveryNotUnderstood(
                        held.Gateway,
                        delivery.Digest,
                        WithoutPeople(reason),
                        BodyShape.Of(delivery.Json),
                        held.ReceivedAt
                    ),
                ]
            )
            {
                UniqueKeys = [RecordSale.DeliveryKey(held.Gateway, delivery.Digest)],
                SideEffects = [new KeptDelivery(held.TenantId, held.StreamId, held.Gateway, held.ReceivedAt, held.Body)],
            },
            cancellationToken
        );

    private async Task<WebhookAccepted> HoldAsync(
        string tenant,
        string gateway,
        Translation.Sale sale,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        var stream = Streams.Delivery(gateway, delivery.Digest);
        var body = people.SealNew(tenant, stream, delivery.Body.Span);
        var due = delivery.ReceivedAt + names.SettlingWindow;
        var result = await store.AppendAsync(
            new Append(
                new StreamId(tenant, stream),
                [new DeliveryHeld(gateway, RecordSale.DeliveryId(sale, delivery), sale.OrderId, due, delivery.ReceivedAt)]
            )
            {
                ExpectedVersion = 0,
                SideEffects =
                [
                    body.Key!,
                    new HeldDelivery(tenant, stream, gateway, sale.OrderId, delivery.ReceivedAt, due, body.Protected),
                ],
            },
            cancellationToken
        );
        return new WebhookAccepted(true, EventId: null, Duplicate: result is not AppendResult.Appended)
        {
            Note = "Held until it is known whether it belongs to another sale.",
            Outcome = "held",
        };
    }

    private async Task<WebhookAccepted> RecordOtherAsync(
        string tenant,
        string gateway,
        object fact,
        IReadOnlyList<object> sideEffects,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        var result = await store.AppendAsync(
            new Append(new StreamId(tenant, Streams.Delivery(gateway, delivery.Digest)), [fact])
            {
                ExpectedVersion = 0,
                UniqueKeys = [RecordSale.DeliveryKey(gateway, delivery.Digest)],
                SideEffects = sideEffects,
            },
            cancellationToken
        );
        return new WebhookAccepted(true, EventId: null, Duplicate: result is not AppendResult.Appended);
    }

    // The gateway's own words go into the log in the clear; a drifted delivery may have anything in their place.
    internal static string WithoutPeople(string words) => CampaignText.Clean(words) ?? "withheld";
}
