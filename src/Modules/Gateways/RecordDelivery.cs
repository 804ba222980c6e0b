using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>
/// Turns what a delivery says into facts in the log: the first report of a sale starts its stream, a later one moves its state or adds nothing.
/// A delivery counts once by its id, a sale once by its order, both decided by the log in the append itself.
/// </summary>
internal sealed class RecordDelivery(PostgresEventStore store, IPersonalData people)
{
    private const int Attempts = 20;

    public Task<WebhookAccepted> HandleAsync(
        Tenant tenant,
        string gateway,
        Translation translation,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    ) =>
        translation switch
        {
            Translation.Sale sale => RecordSaleAsync(tenant.Slug, gateway, sale, delivery, cancellationToken),
            Translation.NoSale other => RecordOtherAsync(
                tenant.Slug,
                gateway,
                Acknowledged(gateway, other, delivery),
                [],
                delivery,
                cancellationToken
            ),
            Translation.NotUnderstood unknown => RecordNotUnderstoodAsync(tenant.Slug, gateway, unknown, delivery, cancellationToken),
            _ => throw new InvalidOperationException($"There is no such translation: {translation.GetType().Name}."),
        };

    private async Task<WebhookAccepted> RecordSaleAsync(
        string tenant,
        string gateway,
        Translation.Sale sale,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        var received = Received(tenant, gateway, sale, delivery);
        var stream = new StreamId(tenant, Streams.Conversion(received.ConversionId));
        var sealedBuyer = people.SealNew(tenant, stream.Id, sale.Buyer);

        var result = await store.AppendAsync(
            new Append(
                stream,
                [
                    received with
                    {
                        Protected = sealedBuyer.Protected,
                        Notes = [.. received.Notes, .. sealedBuyer.Dropped.Select(field => $"{field}: dropped, it is not valid")],
                    },
                ]
            )
            {
                ExpectedVersion = 0,
                StreamType = "conversion",
                UniqueKeys = [DeliveryKey(gateway, delivery)],
                SideEffects = [sealedBuyer.Key!],
            },
            cancellationToken
        );
        return result switch
        {
            AppendResult.Appended => new WebhookAccepted(true, received.EventId, Duplicate: false),
            AppendResult.Duplicate => new WebhookAccepted(true, received.EventId, Duplicate: true),
            _ => new WebhookAccepted(
                true,
                received.EventId,
                Duplicate: !await MoveAsync(stream, received, sale, delivery, cancellationToken)
            ),
        };
    }

    /// <returns>Whether the delivery added something.</returns>
    private async Task<bool> MoveAsync(
        StreamId stream,
        ConversionReceived received,
        Translation.Sale sale,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            var events = await store.ReadStreamAsync(stream, cancellationToken);
            if (PaymentStateMachine.StateOf(events.Select(recorded => recorded.Data)) is not { } current)
                throw new InvalidOperationException($"Stream {stream} has no conversion in it.");
            if (PaymentStateMachine.Next(current, sale.State) is not { } next)
                return false;

            var buyer = await people.SealAsync(stream.TenantId, stream.Id, sale.Buyer, cancellationToken);
            var changed = new ConversionStateChanged(
                received.ConversionId,
                received.Gateway,
                current,
                next,
                sale.Value,
                received.OccurredAt,
                received.ReceivedAt,
                received.GatewayStatus,
                received.DeliveryId,
                buyer?.Protected
            )
            {
                Consent = received.Consent,
            };
            var result = await store.AppendAsync(
                new Append(stream, [changed])
                {
                    ExpectedVersion = events[^1].Version,
                    UniqueKeys = [DeliveryKey(received.Gateway, delivery)],
                    SideEffects = buyer?.Key is { } key ? [key] : [],
                },
                cancellationToken
            );
            if (result is not AppendResult.WrongExpectedVersion)
                return result is AppendResult.Appended;
        }

        throw new EventStoreUnavailableException($"Stream {stream} changed under {Attempts} attempts in a row.");
    }

    private Task<WebhookAccepted> RecordNotUnderstoodAsync(
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
        return RecordOtherAsync(tenant, gateway, fact, [body.Key!, kept], delivery, cancellationToken);
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
                UniqueKeys = [DeliveryKey(gateway, delivery)],
                SideEffects = sideEffects,
            },
            cancellationToken
        );
        return new WebhookAccepted(true, EventId: null, Duplicate: result is not AppendResult.Appended);
    }

    private static DeliveryAcknowledged Acknowledged(string gateway, Translation.NoSale other, WebhookDelivery delivery) =>
        new(gateway, delivery.Digest, other.Kind, other.Reason, delivery.ReceivedAt);

    private static string DeliveryKey(string gateway, WebhookDelivery delivery) => $"delivery:{gateway}:{delivery.Digest}";

    private static ConversionReceived Received(string tenant, string gateway, Translation.Sale sale, WebhookDelivery delivery) =>
        new(
            Streams.ConversionId(gateway, sale.OrderId),
            gateway,
            sale.OrderId,
            Ids.EventId(tenant, gateway, sale.OrderId, "Purchase"),
            sale.Kind,
            sale.State,
            sale.Value,
            sale.ProductId is { Length: <= 200 } ? sale.ProductId : null,
            sale.ClickId,
            sale.Campaign.Cleaned(),
            Has(sale.Buyer),
            GatewayTime.Believe(sale.OccurredAt, delivery.ReceivedAt),
            delivery.ReceivedAt,
            WithoutPeople(sale.GatewayStatus),
            delivery.Digest,
            sale.Notes,
            Protected: ""
        )
        {
            Consent = sale.Consent,
        };

    // The gateway's own words go into the log in the clear; a drifted delivery may have anything in their place.
    private static string WithoutPeople(string words) => CampaignText.Clean(words) ?? "withheld";

    private static Identifiers Has(Person buyer) =>
        new(
            buyer.Fbclid is not null,
            buyer.Fbc is not null,
            buyer.Fbp is not null,
            buyer.Email is not null,
            buyer.Phone is not null,
            buyer.ExternalId is not null
        );
}
