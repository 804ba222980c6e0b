using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways.Kiwify;

/// <summary>Kiwify's webhook about an order. Amounts are whole centavos, as numbers or as text; times have no zone.</summary>
internal static class OrderEvent
{
    /// <summary>The product's price; what is charged, with interest; what is settled; what of it is the seller's.</summary>
    public static readonly IReadOnlyList<string> Amounts = ["product_base_price", "charge_amount", "settlement_amount", "my_commission"];

    public static Translation Translate(JsonElement root, string? amount)
    {
        if (root.Text("webhook_event_type") is null && root.Text("status") == "abandoned")
            return new Translation.NoSale("cart_abandoned", "an abandoned checkout is no sale");
        var name = root.Text("webhook_event_type") ?? EventOf(root.Text("order_status")) ?? "";
        return name switch
        {
            "order_approved" or "order_paid" or "subscription_renewed" => Order(root, amount, name, PaymentState.Approved),
            "pix_created" or "billet_created" => Order(root, amount, name, PaymentState.Pending),
            "order_rejected" or "order_refused" => Order(root, amount, name, PaymentState.Rejected),
            "order_refunded" => Order(root, amount, name, PaymentState.Refunded),
            "chargeback" or "order_chargeback" => Order(root, amount, name, PaymentState.ChargedBack),
            "subscription_late" or "subscription_canceled" => new Translation.NoSale(name, "a subscription's life is no sale"),
            "cart_abandoned" => new Translation.NoSale(name, "an abandoned checkout is no sale"),
            _ => new Translation.NotUnderstood($"webhook_event_type {(name.Length > 0 ? name : "is missing")}"),
        };
    }

    private static Translation Order(JsonElement root, string? asked, string name, PaymentState state)
    {
        if (root.Order("order_id") is not { } order)
            return new Translation.NotUnderstood("order_id is missing or longer than 200 characters");
        if (root.AmountChosen(Amounts, asked, AmountOf) is not { } chosen)
            return new Translation.NotUnderstood("Commissions.product_base_price is no amount");
        var currency = root.Currency("Commissions", $"{chosen.Name}_currency") ?? root.Currency("Commissions", "currency") ?? "BRL";

        var updatedAt = GatewayTime.Parse(root.Text("updated_at"));
        return new Translation.Sale
        {
            OrderId = order,
            State = state,
            GatewayStatus = name,
            Kind = IsRenewal(root, name) ? ConversionKind.Renewal : ConversionKind.Sale,
            Value = new Money(chosen.Amount, currency),
            ProductId = root.Text("Product", "product_id"),
            Buyer = Buyer(root),
            Campaign = new Campaign(
                Tracked(root, "utm_source"),
                Tracked(root, "utm_medium"),
                Tracked(root, "utm_campaign"),
                Tracked(root, "utm_content"),
                Tracked(root, "utm_term"),
                Tracked(root, "src"),
                Tracked(root, "sck"),
                Xcod: null
            ),
            ClickIds = ClickToken.FindAll([
                .. (
                    (string[])["s1", "s2", "s3", "src", "sck", "utm_content", "utm_term", "utm_source", "utm_campaign", "utm_medium"]
                ).Select(slot => Tracked(root, slot)),
            ]),
            OccurredAt = state switch
            {
                PaymentState.Approved => GatewayTime.Parse(root.Text("approved_date")) ?? updatedAt,
                PaymentState.Refunded => GatewayTime.Parse(root.Text("refunded_at")) ?? updatedAt,
                PaymentState.ChargedBack => updatedAt,
                _ => GatewayTime.Parse(root.Text("created_at")) ?? updatedAt,
            },
            ReportedAt = updatedAt,
            Notes = chosen.Notes,
        };
    }

    // Where the delivery names no event, where the order stands says as much.
    private static string? EventOf(string? orderStatus) =>
        orderStatus switch
        {
            "paid" or "approved" => "order_approved",
            "waiting_payment" => "pix_created",
            "refused" => "order_rejected",
            "refunded" => "order_refunded",
            "chargedback" or "chargeback" => "chargeback",
            _ => null,
        };

    // In centavos. Old deliveries told only what was charged.
    private static decimal? AmountOf(JsonElement root, string name) =>
        (root.Amount("Commissions", name) ?? (name == Amounts[0] ? root.Amount("Commissions", "charge_amount") : null)) / 100;

    // A renewal may come as an approval of the new order, too.
    private static bool IsRenewal(JsonElement root, string name) =>
        name == "subscription_renewed"
        || root.At("Subscription", "charges", "completed") is { ValueKind: JsonValueKind.Array } completed
            && completed.GetArrayLength() > 1;

    private static string? Tracked(JsonElement root, string slot) => root.Text("TrackingParameters", slot);

    private static Person Buyer(JsonElement root) =>
        new()
        {
            Email = root.Text("Customer", "email"),
            Phone = root.Text("Customer", "mobile"),
            FullName = root.Text("Customer", "full_name"),
            FirstName = root.Text("Customer", "first_name"),
            City = root.Text("Customer", "city"),
            State = root.Text("Customer", "state"),
            Zip = root.Text("Customer", "zipcode"),
            Country = root.Text("Customer", "country"),
            IpAddress = root.Text("Customer", "ip"),
        };
}
