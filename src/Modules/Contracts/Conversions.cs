namespace TrackAi.Contracts;

/// <summary>What the gateway says of the money. See the payment-state machine in Gateways.</summary>
public enum PaymentState
{
    /// <summary>Pix or boleto issued, card in analysis: nothing paid yet.</summary>
    Pending,
    Approved,

    /// <summary>Refused, cancelled or expired before anything was paid.</summary>
    Rejected,

    /// <summary>The buyer asked for the money back; it is still with the seller.</summary>
    RefundRequested,
    Refunded,
    ChargedBack,
}

public enum ConversionKind
{
    /// <summary>The first payment of something.</summary>
    Sale,

    /// <summary>A later payment of a subscription: recorded, not dispatched unless the funnel says so.</summary>
    Renewal,

    /// <summary>Marked by its sender as no sale at all (<c>trackai probe</c>): goes the whole way up to Meta, and never to it.</summary>
    Test,
}

/// <summary>
/// A gateway told us about a sale for the first time, paid or not yet. First event of stream <c>conversion-{gateway}-{order}</c>.
/// </summary>
/// <param name="ConversionId"><c>{gateway}-{order}</c>; unique within its tenant.</param>
/// <param name="EventId">Meta's <c>event_id</c> of the sale's Purchase, <see cref="Ids.EventId"/>.</param>
/// <param name="ClickId">Our click token, where one of the tracking fields carried it; of several the one in the field that is ours first.</param>
/// <param name="OccurredAt">When the sale happened by the gateway's word, never later than <paramref name="ReceivedAt"/>.</param>
/// <param name="GatewayStatus">The gateway's own word for the state.</param>
/// <param name="DeliveryId">The gateway's id of the delivery, or the digest of its body.</param>
/// <param name="Notes">Optional fields that were dropped, and why; never their values.</param>
/// <param name="Protected">The buyer, encrypted under the stream's key.</param>
public sealed record ConversionReceived(
    string ConversionId,
    string Gateway,
    string OrderId,
    Guid EventId,
    ConversionKind Kind,
    PaymentState State,
    Money Value,
    string? ProductId,
    string? ClickId,
    Campaign Campaign,
    Identifiers Has,
    DateTimeOffset OccurredAt,
    DateTimeOffset ReceivedAt,
    string GatewayStatus,
    string DeliveryId,
    IReadOnlyList<string> Notes,
    string Protected
)
{
    /// <summary>When the gateway said so by its own clock, which orders reports that overtake each other; null where it does not tell.</summary>
    public DateTimeOffset? ReportedAt { get; init; }

    /// <summary>Whether the buyer agreed to be reported to ad networks, by the seller's word with the sale; null when it does not say.</summary>
    public bool? Consent { get; init; }

    /// <summary>Other click tokens that the delivery carried; null where there were none.</summary>
    public IReadOnlyList<string>? OtherClickIds { get; init; }

    /// <summary>All the click tokens that the delivery carried.</summary>
    public IReadOnlyList<string> ClickIds() => ClickToken.Together(ClickId, OtherClickIds);
}

/// <summary>A later delivery moved the payment. Carries the buyer again: the second delivery often knows more than the first.</summary>
public sealed record ConversionStateChanged(
    string ConversionId,
    string Gateway,
    PaymentState From,
    PaymentState To,
    Money Value,
    DateTimeOffset OccurredAt,
    DateTimeOffset ReceivedAt,
    string GatewayStatus,
    string DeliveryId,
    string? Protected
)
{
    /// <inheritdoc cref="ConversionReceived.ReportedAt"/>
    public DateTimeOffset? ReportedAt { get; init; }

    /// <inheritdoc cref="ConversionReceived.Consent"/>
    public bool? Consent { get; init; }

    /// <summary>Our click token, where a tracking field of this delivery carried it.</summary>
    public string? ClickId { get; init; }

    /// <inheritdoc cref="ConversionReceived.OtherClickIds"/>
    public IReadOnlyList<string>? OtherClickIds { get; init; }

    /// <summary>All the click tokens that the delivery carried.</summary>
    public IReadOnlyList<string> ClickIds() => ClickToken.Together(ClickId, OtherClickIds);

    /// <summary>The tracking fields of this delivery; null where it had none.</summary>
    public Campaign? Campaign { get; init; }
}

/// <summary>
/// A later delivery moved nothing and knew more: of the buyer, or of where they came from. Late evidence for matching; what is not sent yet is sent with it.
/// </summary>
/// <param name="Added">What no delivery had told before, by name (<c>click_token</c>, <c>email</c>, <c>utm_campaign</c> …); never its value.</param>
/// <param name="ClickId">Our click token, where a tracking field of this delivery carried it.</param>
/// <param name="Campaign">The tracking fields of this delivery; null where it had none.</param>
public sealed record ConversionEnriched(
    string ConversionId,
    string Gateway,
    IReadOnlyList<string> Added,
    string? ClickId,
    Campaign? Campaign,
    DateTimeOffset ReceivedAt,
    string GatewayStatus,
    string DeliveryId,
    string Protected
)
{
    /// <inheritdoc cref="ConversionReceived.Consent"/>
    public bool? Consent { get; init; }

    /// <inheritdoc cref="ConversionReceived.OtherClickIds"/>
    public IReadOnlyList<string>? OtherClickIds { get; init; }

    /// <summary>All the click tokens that the delivery carried.</summary>
    public IReadOnlyList<string> ClickIds() => ClickToken.Together(ClickId, OtherClickIds);
}

/// <summary>An authentic delivery about no sale (an abandoned cart, a test, a subscription's life): acknowledged, nothing to do.</summary>
public sealed record DeliveryAcknowledged(string Gateway, string DeliveryId, string Kind, string Reason, DateTimeOffset ReceivedAt);

/// <summary>
/// An authentic delivery that we could not read: its body is kept encrypted beside the log, to be translated again once the mapping is mended.
/// </summary>
/// <param name="Shape">Field names and kinds of values, no values: enough to see what drifted.</param>
public sealed record DeliveryNotUnderstood(string Gateway, string DeliveryId, string Reason, string Shape, DateTimeOffset ReceivedAt);

/// <summary>A delivery that was not understood was, later on: translated again after the mapping was mended, or joined by the gateway's own repetition.</summary>
/// <param name="ConversionId">The sale it was about; null where it is about none.</param>
public sealed record DeliveryUnderstood(string Gateway, string DeliveryId, string? ConversionId, DateTimeOffset UnderstoodAt);

/// <summary>
/// An authentic delivery about a payment that may be another sale's, whose own delivery is still to come (Stripe's PaymentIntent of an invoice):
/// its body is kept encrypted beside the log until it is joined or is known to stand alone.
/// </summary>
/// <param name="OrderId">What it would be called alone.</param>
public sealed record DeliveryHeld(string Gateway, string DeliveryId, string OrderId, DateTimeOffset DueAt, DateTimeOffset ReceivedAt);
