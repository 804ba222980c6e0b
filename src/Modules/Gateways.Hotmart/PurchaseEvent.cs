using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways.Hotmart;

/// <summary>Hotmart's webhook 2.0.0. Its <c>event</c> says what happened; <c>purchase.status</c> is spelled in several ways and decides nothing.</summary>
internal static class PurchaseEvent
{
    /// <summary>What the buyer pays; with taxes and fees on top; what the offer asked for before any coupon.</summary>
    public static readonly IReadOnlyList<string> Amounts = ["price", "full_price", "original_offer_price"];

    public static Translation Translate(JsonElement root, string? amount)
    {
        var name = root.Text("event") ?? "";
        return name switch
        {
            "PURCHASE_APPROVED" => Purchase(root, amount, name, PaymentState.Approved),
            // The guarantee is over: no new sale, but the end of a protest.
            "PURCHASE_COMPLETE" or "PURCHASE_COMPLETED" => Purchase(
                root,
                amount,
                name,
                PaymentState.Approved,
                PaymentState.RefundRequested
            ),
            // Boleto and pix, both.
            "PURCHASE_BILLET_PRINTED" or "PURCHASE_WAITING_PAYMENT" => Purchase(root, amount, name, PaymentState.Pending),
            "PURCHASE_CANCELED" or "PURCHASE_CANCELLED" or "PURCHASE_EXPIRED" => Purchase(root, amount, name, PaymentState.Rejected),
            "PURCHASE_PROTEST" => Purchase(root, amount, name, PaymentState.RefundRequested),
            "PURCHASE_REFUNDED" => Purchase(root, amount, name, PaymentState.Refunded),
            "PURCHASE_CHARGEBACK" => Purchase(root, amount, name, PaymentState.ChargedBack),
            "PURCHASE_DELAYED" => new Translation.NoSale(name, "an instalment is overdue"),
            "PURCHASE_OUT_OF_SHOPPING_CART" or "CART_ABANDONMENT" => new Translation.NoSale(name, "an abandoned checkout is no sale"),
            "SUBSCRIPTION_CANCELLATION"
            or "SWITCH_PLAN"
            or "UPDATE_SUBSCRIPTION_CHARGE_DATE"
            or "SUBSCRIPTION_BILLING_DATE_CHANGE"
            or "SUBSCRIPTION_REACTIVATED"
            or "SUBSCRIPTION_REACTIVATION" => new Translation.NoSale(name, "a subscription's life is no sale"),
            "CLUB_FIRST_ACCESS" or "CLUB_MODULE_COMPLETED" => new Translation.NoSale(name, "what a member does is no sale"),
            "ORDER_FULFILLMENT" => new Translation.NoSale(name, "a delivery of goods is no sale"),
            _ => new Translation.NotUnderstood($"event {(name.Length > 0 ? name : "is missing")}"),
        };
    }

    private static Translation Purchase(JsonElement root, string? asked, string name, PaymentState state, PaymentState? undoes = null)
    {
        var chosen = root.AmountChosen(Amounts, asked, static (root, one) => root.Amount("data", "purchase", one, "value"));
        if (root.Order("data", "purchase", "transaction") is not { } transaction)
            return new Translation.NotUnderstood("data.purchase.transaction is missing or longer than 200 characters");
        if (chosen is null)
            return new Translation.NotUnderstood("data.purchase.price.value is no amount");
        // Where the price says none, that of the others; one that is none is drift.
        var priced = Amounts.Prepend(chosen.Name).FirstOrDefault(one => CurrencyText(root, one) is not null, chosen.Name);
        var currency =
            root.Currency("data", "purchase", priced, "currency_value") ?? root.Currency("data", "purchase", priced, "currency_code");
        if (currency is null)
            return new Translation.NotUnderstood($"data.purchase.{chosen.Name}.currency_value is no currency");

        var reportedAt = GatewayTime.Parse(root.Text("creation_date")) ?? GatewayTime.Parse(root.Text("creationDate"));
        return new Translation.Sale
        {
            OrderId = transaction,
            State = state,
            Undoes = undoes,
            GatewayStatus = name,
            // Instalments of Hotmart's own credit come as recurrences, too: neither is a new sale.
            Kind = root.Number("data", "purchase", "recurrence_number") > 1 ? ConversionKind.Renewal : ConversionKind.Sale,
            Value = new Money(chosen.Amount, currency),
            ProductId = root.Text("data", "product", "id"),
            Buyer = Buyer(root),
            Campaign = Campaign.None with { Src = Origin(root, "src", "source"), Sck = Sck(root), Xcod = Xcod(root) },
            ClickIds = ClickToken.FindAll(
                Xcod(root),
                Sck(root),
                Origin(root, "src", "source"),
                root.Text("data", "purchase", "sckPaymentLink")
            ),
            OccurredAt = state switch
            {
                PaymentState.Approved => Date(root, "approved_date") ?? Date(root, "order_date"),
                PaymentState.Pending or PaymentState.Rejected => Date(root, "order_date"),
                _ => reportedAt,
            },
            ReportedAt = reportedAt,
            DeliveryId = root.Text("id"),
            Notes =
            [
                .. chosen.Notes,
                .. root.At("data", "purchase", "order_bump", "parent_purchase_transaction") is null
                    ? (string[])[]
                    : ["order bump: a sale of its own"],
            ],
        };
    }

    private static string? CurrencyText(JsonElement root, string amount) =>
        root.Text("data", "purchase", amount, "currency_value") ?? root.Text("data", "purchase", amount, "currency_code");

    private static DateTimeOffset? Date(JsonElement root, string name) => GatewayTime.Parse(root.Text("data", "purchase", name));

    private static string? Xcod(JsonElement root) => Origin(root, "xcod", "external_code");

    private static string? Sck(JsonElement root) => Origin(root, "sck", "source_sck") ?? root.Text("data", "purchase", "sckPaymentLink");

    // "tracking" is the REST API's name for it.
    private static string? Origin(JsonElement root, string name, string restName) =>
        root.Text("data", "purchase", "origin", name) ?? root.Text("data", "purchase", "tracking", restName);

    private static Person Buyer(JsonElement root) =>
        new()
        {
            Email = root.Text("data", "buyer", "email"),
            Phone = CheckoutPhone(root) ?? root.Text("data", "buyer", "phone"),
            FullName = root.Text("data", "buyer", "name"),
            FirstName = root.Text("data", "buyer", "first_name"),
            LastName = root.Text("data", "buyer", "last_name"),
            City = root.Text("data", "buyer", "address", "city"),
            State = root.Text("data", "buyer", "address", "state"),
            Zip = root.Text("data", "buyer", "address", "zipcode"),
            Country = CountryOf(root),
            IpAddress = root.Text("data", "purchase", "buyer_ip"),
        };

    // The code may be the DDD, or the country's; the number may have it, too, or not.
    private static string? CheckoutPhone(JsonElement root)
    {
        if (root.Text("data", "buyer", "checkout_phone") is not { } phone)
            return null;
        var digits = string.Concat(phone.Where(char.IsAsciiDigit)).TrimStart('0');
        var isWhole =
            phone.StartsWith('+')
            || (
                CountryOf(root) is null or "BR" or "br"
                && (
                    BrazilianPhone.IsNational(digits)
                    || (digits.StartsWith("55", StringComparison.Ordinal) && BrazilianPhone.IsNational(digits.AsSpan(2)))
                )
            );
        return isWhole ? phone : $"{root.Text("data", "buyer", "checkout_phone_code")}{phone}";
    }

    private static string? CountryOf(JsonElement root) =>
        root.Text("data", "buyer", "address", "country_iso")
        ?? root.Text("data", "purchase", "checkout_country", "iso")
        ?? root.Text("data", "buyer", "address", "country");
}
