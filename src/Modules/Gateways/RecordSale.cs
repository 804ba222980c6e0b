using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>
/// The first report of a sale starts its stream, a later one moves its state, or tells more of the buyer, or adds nothing. A sale counts once by its order, a delivery once by
/// its id, both decided by the log in the append itself.
/// </summary>
internal sealed class RecordSale(PostgresEventStore store, IPersonalData people, NewEvidence evidence, KeptDeliveries kept)
{
    private const int Attempts = 20;

    // Deliveries about one sale at once: one after the other here, so that they lose races to other hosts and handlers only.
    private readonly SemaphoreSlim[] turns = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1))];

    /// <param name="mayBegin">Whether the delivery may be the sale's first.</param>
    /// <returns>Null when it may not, and there is no such sale.</returns>
    public async Task<WebhookAccepted?> HandleAsync(
        string tenant,
        string gateway,
        Translation.Sale sale,
        WebhookDelivery delivery,
        bool mayBegin,
        CancellationToken cancellationToken
    )
    {
        var received = Received(tenant, gateway, sale, delivery);
        var stream = new StreamId(tenant, Streams.Conversion(received.ConversionId));
        var key = DeliveryKey(gateway, received.DeliveryId);
        var result = await AppendAsync(stream, received, sale, key, delivery, mayBegin, cancellationToken);
        if (result is AppendResult.Duplicate { Stream: var first, Version: var version })
        {
            // Acknowledged before without being a sale: not understood then, or about a sale that nobody knew.
            if (first.Id == Streams.Delivery(gateway, delivery.Digest))
            {
                result = await AppendAsync(stream, received, sale, $"{key}:understood", delivery, mayBegin, cancellationToken);
                if (result is not null)
                    await kept.UnderstoodAsync(tenant, gateway, delivery, received.ConversionId, cancellationToken);
            }
            else if (first == stream && await IsSaidAnewAsync(stream, sale, delivery, version, cancellationToken) is { } again)
                result = await MoveAsync(stream, received, sale, $"{key}:{again}", cancellationToken);
        }

        return result is null ? null : new WebhookAccepted(true, received.EventId, Duplicate: result is not AppendResult.Appended);
    }

    private async Task<AppendResult?> AppendAsync(
        StreamId stream,
        ConversionReceived received,
        Translation.Sale sale,
        string key,
        WebhookDelivery delivery,
        bool mayBegin,
        CancellationToken cancellationToken
    )
    {
        if (!mayBegin)
            return await MoveAsync(stream, received, sale, key, cancellationToken);
        var buyer = people.SealNew(stream.TenantId, stream.Id, sale.Buyer);
        string[] notes = [.. sale.Notes, .. delivery.Notes, .. buyer.Dropped.Select(field => $"{field}: dropped, it is not valid")];
        var result = await store.AppendAsync(
            new Append(stream, [received with { Protected = buyer.Protected, Notes = notes }])
            {
                ExpectedVersion = 0,
                StreamType = "conversion",
                UniqueKeys = [key],
                SideEffects = [buyer.Key!],
            },
            cancellationToken
        );
        return result is AppendResult.WrongExpectedVersion ? await MoveAsync(stream, received, sale, key, cancellationToken) : result;
    }

    /// <returns>What the append came to; null when there is no such sale; the duplicate of the sale itself when the delivery adds nothing.</returns>
    private async Task<AppendResult?> MoveAsync(
        StreamId stream,
        ConversionReceived received,
        Translation.Sale sale,
        string key,
        CancellationToken cancellationToken
    )
    {
        var turn = turns[(uint)stream.GetHashCode() % turns.Length];
        await turn.WaitAsync(cancellationToken);
        try
        {
            return await MoveInTurnAsync(stream, received, sale, key, cancellationToken);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<AppendResult?> MoveInTurnAsync(
        StreamId stream,
        ConversionReceived received,
        Translation.Sale sale,
        string key,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            var events = await store.ReadStreamAsync(stream, cancellationToken);
            if (PaymentHistory.From(events.Select(recorded => recorded.Data)) is not { } history)
                return null;
            var next = sale.OnlyAdds ? [] : PaymentStateMachine.Next(history, PaymentReport.Of(sale));
            var added = next.Count > 0 ? [] : await evidence.AddedAsync(events, received, sale.Buyer, cancellationToken);
            if (next.Count == 0 && added.Count == 0)
                return new AppendResult.Duplicate(key, stream, events[^1].Version);

            var buyer = await people.SealAsync(stream.TenantId, stream.Id, sale.Buyer, cancellationToken);
            if (next.Count == 0 && buyer is null)
                return new AppendResult.Duplicate(key, stream, events[^1].Version);
            var result = await store.AppendAsync(
                new Append(
                    stream,
                    next.Count > 0 ? [.. Changes(history, next, received, buyer?.Protected)] : [Enriched(received, added, buyer!.Protected)]
                )
                {
                    ExpectedVersion = events[^1].Version,
                    UniqueKeys = [key],
                    SideEffects = buyer?.Key is { } streamKey ? [streamKey] : [],
                },
                cancellationToken
            );
            if (result is not AppendResult.WrongExpectedVersion)
                return result;
        }

        throw new EventStoreUnavailableException($"Stream {stream} changed under {Attempts} attempts in a row.");
    }

    // What the delivery says, and, where it was overtaken, once more what stands.
    private static IEnumerable<object> Changes(
        PaymentHistory history,
        IReadOnlyList<PaymentState> states,
        ConversionReceived received,
        string? buyer
    )
    {
        var from = history.State;
        foreach (var to in states)
        {
            var stands = states.Count > 1 && to == history.State && to != PaymentState.Approved;
            yield return new ConversionStateChanged(
                received.ConversionId,
                received.Gateway,
                from,
                to,
                stands ? history.Value
                    : to == PaymentState.Approved ? history.Approved ?? received.Value
                    : received.Value,
                stands ? history.OccurredAt : received.OccurredAt,
                received.ReceivedAt,
                stands ? history.GatewayStatus : received.GatewayStatus,
                received.DeliveryId,
                stands ? null : buyer
            )
            {
                ReportedAt = stands ? history.Since : received.ReportedAt,
                Consent = received.Consent,
                ClickId = stands ? null : received.ClickId,
                OtherClickIds = stands ? null : received.OtherClickIds,
                Campaign = stands || received.Campaign == Campaign.None ? null : received.Campaign,
            };
            from = to;
        }
    }

    private static ConversionEnriched Enriched(ConversionReceived received, IReadOnlyList<string> added, string buyer) =>
        new(
            received.ConversionId,
            received.Gateway,
            added,
            received.ClickId,
            received.Campaign == Campaign.None ? null : received.Campaign,
            received.ReceivedAt,
            received.GatewayStatus,
            received.DeliveryId,
            buyer
        )
        {
            Consent = received.Consent,
            OtherClickIds = received.OtherClickIds,
        };

    private async Task<long?> IsSaidAnewAsync(
        StreamId stream,
        Translation.Sale sale,
        WebhookDelivery delivery,
        long version,
        CancellationToken cancellationToken
    )
    {
        if (sale.DeliveryId is not null)
            return null;
        var events = await store.ReadStreamAsync(stream, cancellationToken);
        var first = events.First(recorded => recorded.Version == version).Timestamp;
        return
            PaymentHistory.From(events.Select(recorded => recorded.Data)) is { } history
            && PaymentStateMachine.IsSaidAnew(history, PaymentReport.Of(sale), first, delivery.ReceivedAt)
            ? events[^1].Version
            : null;
    }

    public static string DeliveryKey(string gateway, string deliveryId) => $"delivery:{gateway}:{deliveryId}";

    /// <summary>The gateway's own id of the delivery, unless it is none that may be shown; then the digest of its body.</summary>
    public static string DeliveryId(Translation.Sale sale, WebhookDelivery delivery) =>
        sale.DeliveryId is { Length: <= 100 } id
        && id.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-')
        && CampaignText.Clean(id) == id
            ? id
            : delivery.Digest;

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
            sale.ClickIds is [var first, ..] ? first : null,
            sale.Campaign.Cleaned(),
            Has(sale.Buyer),
            GatewayTime.Believe(sale.OccurredAt, delivery.ReceivedAt),
            delivery.ReceivedAt,
            RecordDelivery.WithoutPeople(sale.GatewayStatus),
            DeliveryId(sale, delivery),
            [],
            Protected: ""
        )
        {
            ReportedAt = sale.ReportedAt?.ToUniversalTime(),
            Consent = sale.Consent,
            OtherClickIds = sale.ClickIds.Count > 1 ? [.. sale.ClickIds.Skip(1)] : null,
        };

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
