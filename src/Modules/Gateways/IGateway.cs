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

    /// <summary>The amounts its deliveries tell of a sale, the usual one first; none where there is no choice.</summary>
    IReadOnlyList<string> Amounts => [];

    /// <summary>Whether it sends bodies of this media type beside JSON (<c>application/x-www-form-urlencoded</c> …).</summary>
    bool Takes(string mediaType) => false;

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

        /// <summary>Our click tokens, from whichever tracking fields carried them, each once: <see cref="ClickToken.FindAll"/>.</summary>
        public IReadOnlyList<string> ClickIds { get; init; } = [];

        /// <summary>Whether the buyer agreed to be reported to ad networks; null when the delivery does not say.</summary>
        public bool? Consent { get; init; }

        /// <summary>When the sale happened by the gateway's word; null when it does not say.</summary>
        public DateTimeOffset? OccurredAt { get; init; }

        /// <summary>When the gateway said so by its own clock; null when it does not tell, and then reports count in the order they come in.</summary>
        public DateTimeOffset? ReportedAt { get; init; }

        /// <summary>
        /// What the delivery takes back (a dispute won, a refund that failed, a guarantee that ended without one). It never makes a sale: it brings
        /// one back that stands there, to <see cref="State"/>, which is <see cref="PaymentState.Approved"/>.
        /// </summary>
        public PaymentState? Undoes { get; init; }

        /// <summary>It says nothing of the payment that counts: it only adds what it knows to a sale that is known already.</summary>
        public bool OnlyAdds { get; init; }

        /// <summary>The gateway's own id of the delivery; null when it gives none, and then the digest of the body is its id.</summary>
        public string? DeliveryId { get; init; }

        /// <summary>Of a gateway that tells one sale under several ids.</summary>
        public SaleJoin? Join { get; init; }

        /// <summary>Optional fields that were dropped, and why; never their values.</summary>
        public IReadOnlyList<string> Notes { get; init; } = [];
    }

    /// <summary>Authentic, understood, and about no sale.</summary>
    public sealed record NoSale(string Kind, string Reason) : Translation
    {
        /// <summary>What it teaches about a sale's names all the same.</summary>
        public SaleJoin? Join { get; init; }
    }

    /// <summary>Authentic, and beyond us: kept until the mapping is mended.</summary>
    public sealed record NotUnderstood(string Reason) : Translation;
}

/// <summary>How a sale that a gateway tells under several ids is known to be one.</summary>
public sealed record SaleJoin
{
    /// <summary>The ids under which deliveries tell of it, by this delivery's word, its own order first. Whichever a sale was recorded under is its order.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>It may be another sale's payment, or be told better by a delivery to come: held for the settling window while none of its names is known.</summary>
    public bool IsProvisional { get; init; }

    /// <summary>
    /// Where the gateway may give no link: what two deliveries of one payment share all the same. Joined when they come from different sides, within
    /// the settling window of each other by the gateway's clock.
    /// </summary>
    public SaleTrace? Trace { get; init; }
}

/// <summary>Such as Stripe's customer, amount and currency, on the side <c>intent</c> or <c>invoice</c>. Stored as a keyed hash.</summary>
public sealed record SaleTrace(string Side, string Shared, DateTimeOffset At);

/// <summary>A delivery in the simple contract breaks it: answered 400, naming the field and the remedy.</summary>
public sealed class InvalidDeliveryException(string field, string remedy) : Exception($"{field}: {remedy}")
{
    public string Field { get; } = field;
    public string Remedy { get; } = remedy;
}
