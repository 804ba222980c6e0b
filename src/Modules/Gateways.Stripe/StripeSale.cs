using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways.Stripe;

/// <summary>Reads the sale out of the object that an event is about, and what joins it to the other events of the same sale.</summary>
internal sealed class StripeSale(string type, JsonElement root, JsonElement told)
{
    private const string Intent = "intent";
    private const string Invoice = "invoice";

    private readonly DateTimeOffset? reportedAt = GatewayTime.Parse(root.Text("created"));

    /// <summary>A Checkout session knows most: the buyer and our token.</summary>
    public Translation OfSession(PaymentState state)
    {
        if (told.Text("mode") == "setup")
            return new Translation.NoSale(type, "a card that is saved is no sale");
        if (told.Text("payment_status") == "no_payment_required")
            return new Translation.NoSale(type, "nothing was to be paid");
        string?[] names =
            told.Text("mode") == "subscription" ? [Id("invoice"), Id("payment_intent")] : [Id("payment_intent"), Id("invoice")];
        // Its own id only where it names neither: nothing else is told under that.
        if (names is [null, null])
            names = [told.Order("id")];
        return Sale(state, told.Number("amount_total"), names, person: "customer_details") switch
        {
            Translation.Sale sale => sale with
            {
                Kind = told.Text("metadata", "trackai_test") == "true" ? ConversionKind.Test : sale.Kind,
                Buyer = sale.Buyer with { Email = sale.Buyer.Email ?? told.Text("customer_email") },
            },
            var other => other,
        };
    }

    // Bare: a session with more to tell, or the invoice it pays, may be on its way.
    public Translation OfIntent(PaymentState state) =>
        Sale(
            state,
            state == PaymentState.Approved ? told.Number("amount_received") ?? told.Number("amount") : told.Number("amount"),
            [told.Order("id"), Id("invoice")],
            isBare: true
        );

    public Translation OfCharge(PaymentState state) =>
        Sale(
            state,
            state == PaymentState.Approved ? told.Number("amount_captured") ?? told.Number("amount") : told.Number("amount"),
            [Id("payment_intent") ?? told.Order("id"), Id("invoice")],
            person: "billing_details",
            isBare: state != PaymentState.Refunded
        );

    /// <summary>The seller changed what is written on a charge. Whether it was given back since is not said by it.</summary>
    public Translation OfMoreAboutCharge() =>
        OfCharge(PaymentState.Approved) switch
        {
            Translation.Sale sale => sale with { OnlyAdds = true, Join = sale.Join! with { IsProvisional = true, Trace = null } },
            var other => other,
        };

    public Translation OfDispute(string? status) =>
        status switch
        {
            "won" => Reversal(PaymentState.Approved, PaymentState.ChargedBack),
            "warning_closed" => Reversal(PaymentState.Approved, PaymentState.RefundRequested),
            // An inquiry: the money is still there.
            "warning_needs_response" or "warning_under_review" => Reversal(PaymentState.RefundRequested),
            _ => Reversal(PaymentState.ChargedBack),
        };

    public Translation OfFailedRefund() => Reversal(PaymentState.Approved, PaymentState.Refunded);

    /// <summary>The sale itself where it is a subscription's; else another name of its PaymentIntent.</summary>
    public Translation OfInvoice(PaymentState state)
    {
        if (told.Number("amount_paid") is 0 && state == PaymentState.Approved)
            return new Translation.NoSale(type, "nothing was to be paid");
        var reason = told.Text("billing_reason") ?? "";
        var isOfSubscription = reason.StartsWith("subscription", StringComparison.Ordinal) || Subscription is not null;
        var amount = state == PaymentState.Approved ? told.Number("amount_paid") : told.Number("amount_due");
        string?[] names = isOfSubscription || PaidBy is null ? [told.Order("id"), PaidBy] : [PaidBy, told.Order("id")];
        return Sale(state, amount, names, isBare: !isOfSubscription && PaidBy is null) switch
        {
            Translation.Sale sale => sale with
            {
                Kind = !IsOfTestMode && reason is ("subscription_cycle" or "subscription_threshold") ? ConversionKind.Renewal : sale.Kind,
                OccurredAt = GatewayTime.Parse(told.Text("status_transitions", "paid_at")) ?? reportedAt,
                ProductId = Product,
                Buyer = Person("customer_address") with
                {
                    Fbc = sale.Buyer.Fbc,
                    Fbp = sale.Buyer.Fbp,
                    Fbclid = sale.Buyer.Fbclid,
                    Email = told.Text("customer_email"),
                    Phone = told.Text("customer_phone"),
                    FullName = told.Text("customer_name"),
                },
            },
            var other => other,
        };
    }

    /// <summary>Says which PaymentIntent paid which invoice, and nothing else.</summary>
    public Translation OfInvoicePayment() =>
        new Translation.NoSale(type, "it tells which payment is the invoice's")
        {
            Join =
                told.Order("invoice") is { } invoice && told.Order("payment", "payment_intent") is { } intent
                    ? new SaleJoin { Names = [invoice, intent] }
                    : null,
        };

    private Translation Reversal(PaymentState state, PaymentState? undoes = null) =>
        Sale(state, told.Number("amount"), [Id("payment_intent") ?? Id("charge")]) switch
        {
            Translation.Sale sale => sale with { Undoes = undoes, OccurredAt = reportedAt },
            var other => other,
        };

    /// <param name="names">Its own order first; those that are missing do not count.</param>
    /// <param name="person">Where the buyer is.</param>
    /// <param name="isBare">Another delivery may know better whose payment it is.</param>
    private Translation Sale(PaymentState state, decimal? amount, string?[] names, string? person = null, bool isBare = false)
    {
        string[] known = [.. names.OfType<string>().Distinct(StringComparer.Ordinal)];
        if (known.Length == 0)
            return new Translation.NotUnderstood("neither PaymentIntent nor invoice is named");
        if (told.Currency("currency") is not { } currency)
            return new Translation.NotUnderstood("currency is no currency");
        if (amount is not (>= 0 and < Money.Limit))
            return new Translation.NotUnderstood("the amount is missing");
        var value = amount.Value / MinorUnits.In(currency);

        var buyer = person is null
            ? new Person()
            : Person(person, "address") with
            {
                Email = told.Text(person, "email"),
                Phone = told.Text(person, "phone"),
                FullName = told.Text(person, "name"),
            };
        buyer = buyer with
        {
            Email = buyer.Email ?? told.Text("receipt_email"),
            Fbc = Field("fbc") ?? Field("_fbc"),
            Fbp = Field("fbp") ?? Field("_fbp"),
            Fbclid = Field("fbclid"),
        };
        var tokens = Tokens();
        // A payment of nobody's account is no invoice's; with the buyer and our token in it, no session knows more.
        var isWhole = buyer.Email is not null && tokens.Count > 0 && told.At("customer") is null;
        return new Translation.Sale
        {
            OrderId = known[0],
            State = state,
            Kind = IsOfTestMode ? ConversionKind.Test : ConversionKind.Sale,
            GatewayStatus = type,
            Value = new Money(value, currency),
            Notes = [.. Money.NotesOn("amount", value)],
            Buyer = buyer,
            Campaign = Tracking(),
            ClickIds = tokens,
            OccurredAt = reportedAt,
            ReportedAt = reportedAt,
            DeliveryId = root.Text("id"),
            Join = new SaleJoin
            {
                Names = known,
                IsProvisional = isBare && !isWhole,
                Trace = known.Length == 1 ? Trace(state, amount.Value, currency) : null,
            },
        };
    }

    // What a PaymentIntent shares with the invoice it pays, where neither names the other.
    private SaleTrace? Trace(PaymentState state, decimal amount, string currency) =>
        state == PaymentState.Approved
        && told.Text("customer") is { } customer
        && told.Text("object") is "payment_intent" or "charge" or "invoice"
        && (GatewayTime.Parse(told.Text("status_transitions", "paid_at")) ?? reportedAt) is { } at
            ? new SaleTrace(told.Text("object") == "invoice" ? Invoice : Intent, $"{customer}|{amount}|{currency}", at)
            : null;

    // An id, or the object itself where the endpoint expands it.
    private string? Id(string name) =>
        told.At(name) is { ValueKind: JsonValueKind.Object } expanded ? expanded.Order("id") : told.Order(name);

    // https://docs.stripe.com/api/events/object: no money moved. An endpoint of live mode gets no such event; one of test mode gets no other.
    private bool IsOfTestMode => root.At("livemode")?.ValueKind == JsonValueKind.False;

    private string? Subscription => told.Text("parent", "subscription_details", "subscription") ?? told.Text("subscription");

    private string? PaidBy =>
        First("payments") is { } payment ? payment.Order("payment", "payment_intent") ?? Id("payment_intent") : Id("payment_intent");

    private string? Product =>
        First("lines") is { } line ? line.Text("pricing", "price_details", "product") ?? line.Text("price", "product") : null;

    private JsonElement? First(string list) =>
        told.At(list, "data") is { ValueKind: JsonValueKind.Array } data && data.GetArrayLength() > 0 ? data[0] : null;

    // The seller's own metadata may carry our tokens under any name, and campaign fields under theirs.
    private IReadOnlyList<string> Tokens() => ClickToken.FindAll([told.Text("client_reference_id"), .. Metadata().Select(Value)]);

    private Campaign Tracking() =>
        new(
            Field("utm_source"),
            Field("utm_medium"),
            Field("utm_campaign"),
            Field("utm_content"),
            Field("utm_term"),
            Field("src"),
            Field("sck"),
            Field("xcod")
        );

    private string? Field(string name) =>
        told.Text("metadata", name)
        ?? told.Text("parent", "subscription_details", "metadata", name)
        ?? told.Text("subscription_details", "metadata", name);

    private IEnumerable<JsonElement> Metadata() =>
        new[] { told.At("metadata"), told.At("parent", "subscription_details", "metadata"), told.At("subscription_details", "metadata") }
            .OfType<JsonElement>()
            .Where(metadata => metadata.ValueKind == JsonValueKind.Object)
            .SelectMany(metadata => metadata.EnumerateObject().Select(member => member.Value));

    private static string? Value(JsonElement value) => value.Text();

    private Person Person(params string[] address) =>
        new()
        {
            City = told.Text([.. address, "city"]),
            State = told.Text([.. address, "state"]),
            Zip = told.Text([.. address, "postal_code"]),
            Country = told.Text([.. address, "country"]),
        };
}

/// <summary>How many minor units make a major one: https://docs.stripe.com/currencies.</summary>
internal static class MinorUnits
{
    private static readonly HashSet<string> None =
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ];

    private static readonly HashSet<string> Thousand = ["BHD", "JOD", "KWD", "OMR", "TND"];

    /// <summary>ISK and UGX have none in life, and two at Stripe.</summary>
    public static decimal In(string currency) =>
        None.Contains(currency) ? 1
        : Thousand.Contains(currency) ? 1000
        : 100;
}
