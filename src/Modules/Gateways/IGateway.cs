using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// A payment gateway whose webhooks tell us about sales. It reads and decides; it never stores, and it asks neither clock nor database. It takes
/// the gateway's real webhook and, where it has one, the simple contract (<see cref="SimpleContract"/>), and tells them apart by the body.
/// </summary>
public interface IGateway
{
    /// <summary>Part of its webhook URL, of every conversion id and of its feature flag, <c>gateway_{Name}</c>: never renamed.</summary>
    string Name { get; }

    /// <summary>Whether the delivery proves that its sender holds the secret. Compared in constant time, over the bytes as they came.</summary>
    bool Verify(WebhookDelivery delivery, string secret);

    /// <summary>
    /// What an authentic delivery says. What it does not understand is <see cref="Translation.NotUnderstood"/>, never an exception; only the
    /// simple contract, which is ours, may throw <see cref="InvalidDeliveryException"/>.
    /// </summary>
    Translation Translate(WebhookDelivery delivery);
}

/// <summary>What a delivery says, in our words.</summary>
public abstract record Translation
{
    private Translation() { }

    /// <summary>The state of a sale.</summary>
    public sealed record Sale : Translation
    {
        /// <summary>The gateway's own order: the same in every delivery about the sale.</summary>
        public required string OrderId { get; init; }
        public required PaymentState State { get; init; }
        public required Money Value { get; init; }
        public required string GatewayStatus { get; init; }
        public ConversionKind Kind { get; init; }
        public string? ProductId { get; init; }
        public required Person Buyer { get; init; }
        public Campaign Campaign { get; init; } = Campaign.None;

        /// <summary>Our click token, from whichever tracking field carried it.</summary>
        public string? ClickId { get; init; }

        /// <summary>Whether the buyer agreed to be reported to ad networks; null when the delivery does not say.</summary>
        public bool? Consent { get; init; }

        /// <summary>When the sale happened by the gateway's word; null when it does not say.</summary>
        public DateTimeOffset? OccurredAt { get; init; }

        /// <summary>Optional fields that were dropped, and why; never their values.</summary>
        public IReadOnlyList<string> Notes { get; init; } = [];
    }

    /// <summary>Authentic, understood, and about no sale.</summary>
    public sealed record NoSale(string Kind, string Reason) : Translation;

    /// <summary>Authentic, and beyond us: kept until the mapping is mended.</summary>
    public sealed record NotUnderstood(string Reason) : Translation;
}

/// <summary>A delivery in the simple contract breaks it: answered 400, naming the field and the remedy.</summary>
public sealed class InvalidDeliveryException(string field, string remedy) : Exception($"{field}: {remedy}")
{
    public string Field { get; } = field;
    public string Remedy { get; } = remedy;
}
