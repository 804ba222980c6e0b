using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// The contract that sellers' own back ends use, the same for every gateway but for a few names. Being ours, it is strict: an unknown status or a
/// missing required field is refused by name. Optional fields are lenient: a bad one is dropped with a note.
/// </summary>
public sealed record SimpleContract
{
    public required string SignatureHeader { get; init; }
    public required string OrderField { get; init; }
    public required string BuyerField { get; init; }
    public required string AmountField { get; init; }
    public required string TimeField { get; init; }

    /// <summary>Whether a sale may leave the time out; it is the time of receipt then.</summary>
    public bool IsTimeOptional { get; init; }
    public required IReadOnlyDictionary<string, PaymentState> Statuses { get; init; }

    /// <summary>The statuses a seller's back end may report.</summary>
    public static readonly IReadOnlyDictionary<string, PaymentState> CommonStatuses = new Dictionary<string, PaymentState>(
        StringComparer.OrdinalIgnoreCase
    )
    {
        ["pending"] = PaymentState.Pending,
        ["approved"] = PaymentState.Approved,
        ["paid"] = PaymentState.Approved,
        ["completed"] = PaymentState.Approved,
        ["rejected"] = PaymentState.Rejected,
        ["refused"] = PaymentState.Rejected,
        ["canceled"] = PaymentState.Rejected,
        ["cancelled"] = PaymentState.Rejected,
        ["expired"] = PaymentState.Rejected,
        ["refunded"] = PaymentState.Refunded,
        ["chargeback"] = PaymentState.ChargedBack,
        ["charged_back"] = PaymentState.ChargedBack,
    };

    /// <summary>HMAC-SHA-256 of the raw body under the connection's secret.</summary>
    public bool Verify(WebhookDelivery delivery, string secret) =>
        Secret.SignedSha256(secret, delivery.Body.Span, delivery.Header(SignatureHeader).Trim());

    public Translation.Sale Translate(WebhookDelivery delivery)
    {
        if (delivery.Json is not { ValueKind: JsonValueKind.Object } root)
            throw new InvalidDeliveryException("body", "must be a JSON object in UTF-8");

        var notes = new List<string>();
        var status = Required(root, "status");
        if (!Statuses.TryGetValue(status, out var state))
            throw new InvalidDeliveryException("status", $"must be one of {string.Join(", ", Statuses.Keys)}");

        var amount = Amount(root);
        notes.AddRange(Money.NotesOn(AmountField, amount));
        return new Translation.Sale
        {
            OrderId = OrderId(root),
            State = state,
            GatewayStatus = status.ToLowerInvariant(),
            Kind = IsTest(root) ? ConversionKind.Test : ConversionKind.Sale,
            Value = new Money(amount, Currency(root)),
            ProductId = root.Text("product_id"),
            Buyer = Buyer(root),
            Campaign = ReadCampaign(root),
            ClickIds = ClickToken.FindAll(
                root.Text("click_id"),
                root.Text("src"),
                root.Text("sck"),
                root.Text("xcod"),
                root.Text("utm_source"),
                root.Text("utm_content"),
                root.Text("utm_term"),
                root.Text("utm_campaign"),
                root.Text("utm_medium")
            ),
            Consent = Consent(root),
            OccurredAt = Time(root, notes),
            Notes = notes,
        };
    }

    private string OrderId(JsonElement root)
    {
        var order = Required(root, OrderField);
        return order.Length <= 200 && !order.Any(char.IsControl)
            ? order
            : throw new InvalidDeliveryException(OrderField, "must be at most 200 characters, without control characters");
    }

    private decimal Amount(JsonElement root)
    {
        Required(root, AmountField);
        return root.Number(AmountField) is { } amount and >= 0 and < 1_000_000_000
            ? amount
            : throw new InvalidDeliveryException(
                AmountField,
                "must be a number in major units (297.5), or the same as text, not negative and less than 1,000,000,000"
            );
    }

    private static string Currency(JsonElement root) =>
        Required(root, "currency").ToUpperInvariant() is var code && Currencies.Has(code)
            ? code
            : throw new InvalidDeliveryException("currency", "must be the three-letter ISO 4217 code of a currency, such as BRL");

    private Person Buyer(JsonElement root)
    {
        if (root.At(BuyerField) is not { } buyer)
            throw new InvalidDeliveryException(BuyerField, "is required: an object with email and phone where they are known");
        if (buyer.ValueKind != JsonValueKind.Object)
            throw new InvalidDeliveryException(BuyerField, "must be an object with email and phone where they are known");

        return new Person
        {
            Email = root.Text(BuyerField, "email"),
            Phone = root.Text(BuyerField, "phone"),
            FullName = root.Text(BuyerField, "name"),
            City = root.Text(BuyerField, "city"),
            State = root.Text(BuyerField, "state"),
            Zip = root.Text(BuyerField, "zip"),
            Country = root.Text(BuyerField, "country"),
            BirthDate = root.Text(BuyerField, "birth_date"),
            Gender = root.Text(BuyerField, "gender"),
            ExternalId = root.Text(BuyerField, "external_id"),
            Fbclid = root.Text("fbclid"),
            Fbc = root.Text("fbc"),
            Fbp = root.Text("fbp"),
            IpAddress = root.Text("ip"),
            UserAgent = root.Text("user_agent"),
            EventSourceUrl = root.Text("event_source_url"),
        };
    }

    private static Campaign ReadCampaign(JsonElement root) =>
        new(
            root.Text("utm_source"),
            root.Text("utm_medium"),
            root.Text("utm_campaign"),
            root.Text("utm_content"),
            root.Text("utm_term"),
            root.Text("src"),
            root.Text("sck"),
            root.Text("xcod")
        );

    // Optional, yet not lenient: a no that cannot be read must not pass for silence.
    private static bool? Consent(JsonElement root) =>
        root.At("consent") switch
        {
            null => null,
            { ValueKind: JsonValueKind.True } => true,
            { ValueKind: JsonValueKind.False } => false,
            _ => throw new InvalidDeliveryException("consent", "must be true or false; leave it out when the buyer was not asked"),
        };

    private static bool IsTest(JsonElement root) =>
        root.At("test") switch
        {
            null or { ValueKind: JsonValueKind.False } => false,
            { ValueKind: JsonValueKind.True } => true,
            _ => throw new InvalidDeliveryException("test", "must be true or false; a real sale leaves it out"),
        };

    private DateTimeOffset? Time(JsonElement root, List<string> notes)
    {
        var isMissing = root.At(TimeField) is null or { ValueKind: JsonValueKind.String } && root.Text(TimeField) is null;
        if (isMissing && !IsTimeOptional)
            throw new InvalidDeliveryException(TimeField, "is required: ISO 8601 or unix seconds");
        if (root.Text(TimeField) is not { } text)
            return null;
        if (GatewayTime.Parse(text) is { } time)
            return time;
        notes.Add($"{TimeField}: dropped, it is neither ISO 8601 nor unix seconds");
        return null;
    }

    private static string Required(JsonElement root, string field) =>
        root.Text(field) ?? throw new InvalidDeliveryException(field, "is required");
}
