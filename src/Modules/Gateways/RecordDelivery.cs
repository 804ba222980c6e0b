using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>
/// Turns what a delivery says into facts in the log. A delivery counts once by its id, decided by the log in the append itself.
/// </summary>
internal sealed class RecordDelivery(PostgresEventStore store, IPersonalData people, RecordSale sales, SaleNames names)
{
    public const string Archived = "the stream of its sale is archived";

    /// <summary>
    /// Records it; what cannot be added to its sale, which is archived or has an event that cannot be read, is kept, so that nothing is lost and no gateway retries for
    /// ever.
    /// </summary>
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
        catch (Exception exception) when (WhyRefused(exception) is { } reason)
        {
            return await KeepAsync(tenant, gateway, reason, delivery, cancellationToken);
        }
    }

    /// <summary>Why a sale takes nothing in, by what <see cref="TryAsync"/> threw; null where it is something else.</summary>
    public static string? WhyRefused(Exception exception) =>
        exception switch
        {
            ArchivedStreamException => Archived,
            UnreadableEventException { Sequence: { } sequence } => $"event {sequence} of its sale cannot be read",
            UnreadableEventException => "an event of its sale cannot be read",
            _ => null,
        };

    /// <summary>Records it, or throws what <see cref="WhyRefused"/> explains where its sale takes nothing in.</summary>
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
            Translation.NotUnderstood unknown => RecordNotUnderstoodAsync(
                tenant,
                gateway,
                WithoutPeople(unknown.Reason),
                RecordSale.DeliveryKey(gateway, delivery.Digest),
                delivery,
                cancellationToken
            ),
            _ => throw new InvalidOperationException($"There is no such translation: {translation.GetType().Name}."),
        };

    /// <summary>Why its sale takes nothing in, as far as can be told without recording anything; null where it does.</summary>
    public async Task<string?> WhyRefusedAsync(string tenant, string gateway, Translation.Sale sale, CancellationToken cancellationToken)
    {
        var stream = new StreamId(tenant, Streams.Conversion(Streams.ConversionId(gateway, sale.OrderId)));
        try
        {
            var events = await store.ReadStreamAsync(stream, cancellationToken);
            return events.All(recorded => recorded is { Data: not null, IsArchived: false }) ? null : Archived;
        }
        catch (UnreadableEventException exception)
        {
            return WhyRefused(exception);
        }
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

    // Who says the same again, word for word, may have news for the sale all the same (a second refund): its own earlier delivery does not stand for it.
    private async Task<WebhookAccepted> KeepAsync(
        string tenant,
        string gateway,
        string reason,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        var key = RecordSale.DeliveryKey(gateway, delivery.Digest);
        var kept = await RecordNotUnderstoodAsync(tenant, gateway, reason, key, delivery, cancellationToken);
        return kept.Duplicate ? await RecordNotUnderstoodAsync(tenant, gateway, reason, $"{key}:kept", delivery, cancellationToken) : kept;
    }

    /// <param name="reason">Nothing of the gateway's that may be personal.</param>
    private async Task<WebhookAccepted> RecordNotUnderstoodAsync(
        string tenant,
        string gateway,
        string reason,
        string key,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        var stream = Streams.Delivery(gateway, delivery.Digest);
        var body = people.SealNew(tenant, stream, delivery.Body.Span);
        var fact = new DeliveryNotUnderstood(gateway, delivery.Digest, reason, BodyShape.Of(delivery.Json), delivery.ReceivedAt);
        var kept = new KeptDelivery(tenant, stream, gateway, delivery.ReceivedAt, body.Protected);
        var recorded = await RecordOtherAsync(tenant, gateway, fact, [body.Key!, kept], delivery, cancellationToken, key);
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
                [new DeliveryNotUnderstood(held.Gateway, delivery.Digest, reason, BodyShape.Of(delivery.Json), held.ReceivedAt)]
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
        CancellationToken cancellationToken,
        string? key = null
    )
    {
        var result = await store.AppendAsync(
            new Append(new StreamId(tenant, Streams.Delivery(gateway, delivery.Digest)), [fact])
            {
                ExpectedVersion = 0,
                UniqueKeys = [key ?? RecordSale.DeliveryKey(gateway, delivery.Digest)],
                SideEffects = sideEffects,
            },
            cancellationToken
        );
        return new WebhookAccepted(true, EventId: null, Duplicate: result is not AppendResult.Appended);
    }

    // The gateway's own words go into the log in the clear; a drifted delivery may have anything in their place.
    internal static string WithoutPeople(string words) => CampaignText.Clean(words) ?? "withheld";
}
