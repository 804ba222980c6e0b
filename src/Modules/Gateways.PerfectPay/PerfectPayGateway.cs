using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways.PerfectPay;

/// <summary>
/// PerfectPay's webhook ("postback"), and the simple contract. PerfectPay signs nothing: the account's token is a field of the body, and statuses
/// are collapsed before sending, so that "approved" comes again at completion and a "refunded" may return to "approved".
/// </summary>
public sealed class PerfectPayGateway : IGateway
{
    private static readonly SimpleContract Simple = new()
    {
        SignatureHeader = "x-perfectpay-signature",
        OrderField = "order_id",
        BuyerField = "customer",
        AmountField = "amount",
        TimeField = "event_time",
        IsTimeOptional = true,
        Statuses = SimpleContract.CommonStatuses,
    };

    public string Name => "perfectpay";

    public IReadOnlyList<string> Amounts { get; } = ["sale_amount", "sale_amount_without_shipping"];

    /// <summary>The format is a setting of the postback.</summary>
    public bool Takes(string mediaType) => mediaType == PostbackForm.MediaType;

    public bool Verify(WebhookDelivery delivery, string secret) =>
        Postback(delivery) is { } root ? Secret.Equals(secret, root.Text("token")) : Simple.Verify(delivery, secret);

    public Translation Translate(WebhookDelivery delivery) =>
        Postback(delivery) is { } root ? TranslatePostback(root, delivery.Amount) : Simple.Translate(delivery);

    /// <summary>The body where it is a postback; null where it is ours.</summary>
    private static JsonElement? Postback(WebhookDelivery delivery) =>
        (delivery.Json ?? PostbackForm.Read(delivery.Body.Span)) is { ValueKind: JsonValueKind.Object } root
        && (root.At("token") is not null || root.At("sale_status_enum") is not null || root.At("sale_status_enum_key") is not null)
            ? root
            : null;

    private Translation TranslatePostback(JsonElement root, string? asked)
    {
        var status = root.WholeNumber("sale_status_enum");
        if (status is 12)
            return new Translation.NoSale("precheckout", "an abandoned checkout is no sale");
        if (StateOf(status) is not { } state)
            return new Translation.NotUnderstood($"sale_status_enum {root.Text("sale_status_enum") ?? "is missing"}");
        if (root.Order("code") is not { } code)
            return new Translation.NotUnderstood("code is missing or longer than 200 characters");
        if (root.AmountChosen(Amounts, asked, AmountOf) is not { } chosen)
            return new Translation.NotUnderstood("sale_amount is no amount");
        if (CurrencyOf(root) is not { } currency)
            return new Translation.NotUnderstood($"currency_enum {root.Text("currency_enum") ?? "is missing"}");

        return new Translation.Sale
        {
            OrderId = code,
            State = state,
            GatewayStatus = root.Text("sale_status_enum_key") ?? $"{status}",
            Kind = root.WholeNumber("subscription", "charges_made") > 1 ? ConversionKind.Renewal : ConversionKind.Sale,
            Value = new Money(chosen.Amount, currency),
            ProductId = root.Text("product", "code"),
            Buyer = Buyer(root),
            Campaign = Tracking(root),
            ClickIds = ClickToken.FindAll(
                root.Text("metadata", "src"),
                root.Text("metadata", "utm_perfect"),
                root.Text("metadata", "sck"),
                root.Text("metadata", "xcod"),
                root.Text("metadata", "utm_content"),
                root.Text("metadata", "utm_term"),
                root.Text("metadata", "utm_source"),
                root.Text("metadata", "utm_campaign"),
                root.Text("metadata", "utm_medium"),
                // What else a checkout may hand on.
                root.Text("metadata", "ref"),
                root.Text("metadata", "click_id")
            ),
            Notes = chosen.Notes,
            OccurredAt = GatewayTime.Parse(root.Text("date_approved")) ?? GatewayTime.Parse(root.Text("date_created")),
        };
    }

    // The plan and its shipping are one amount.
    private static decimal? AmountOf(JsonElement root, string name) =>
        name == "sale_amount" ? root.Amount("sale_amount")
        : root.Amount("sale_amount") - root.Amount("shipping_amount") is >= 0 and var plan ? plan
        : null;

    // https://support.perfectpay.com.br/doc/perfect-pay/postback: 8, 10 and 16 arrive as 2; 11 as 6; 17 as 9; 18, 19 and 20 as 7. Both are taken.
    private static PaymentState? StateOf(long? status) =>
        status switch
        {
            1 or 3 => PaymentState.Pending,
            2 or 8 or 10 or 16 => PaymentState.Approved,
            4 => PaymentState.RefundRequested,
            5 or 6 or 11 or 13 or 15 => PaymentState.Rejected,
            7 or 18 or 19 or 20 => PaymentState.Refunded,
            9 or 17 => PaymentState.ChargedBack,
            _ => null,
        };

    private static string? CurrencyOf(JsonElement root) =>
        root.Currency("currency_enum_key")
        ?? root.WholeNumber("currency_enum") switch
        {
            1 => "BRL",
            2 => "USD",
            3 => "EUR",
            _ => null,
        };

    private static Person Buyer(JsonElement root) =>
        new()
        {
            Email = root.Text("customer", "email"),
            Phone = PhoneOf(root),
            FullName = root.Text("customer", "full_name"),
            BirthDate = root.Text("customer", "birthday"),
            City = root.Text("customer", "city"),
            State = root.Text("customer", "state"),
            Zip = root.Text("customer", "zip_code"),
            Country = root.Text("customer", "country"),
            IpAddress = root.Text("customer", "ip"),
            UserAgent = root.Text("customer", "user_agent"),
            Fbc = root.Text("metadata", "_fbc"),
            Fbp = root.Text("metadata", "_fbp"),
        };

    private static string? PhoneOf(JsonElement root)
    {
        var (area, number) = (root.Text("customer", "phone_area_code"), root.Text("customer", "phone_number"));
        return area is not null && number is not null
            ? $"+{root.Text("customer", "phone_extension")?.TrimStart('+') ?? "55"}{area}{number}"
            : root.Text("customer", "phone_formated_ddi") ?? root.Text("customer", "phone_formated") ?? number;
    }

    private static Campaign Tracking(JsonElement root) =>
        new(
            root.Text("metadata", "utm_source"),
            root.Text("metadata", "utm_medium"),
            root.Text("metadata", "utm_campaign"),
            root.Text("metadata", "utm_content"),
            root.Text("metadata", "utm_term"),
            root.Text("metadata", "src"),
            root.Text("metadata", "sck"),
            root.Text("metadata", "xcod")
        );
}
