using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways.Stripe;

/// <summary>
/// What a snapshot event says of a sale. The layout depends on the endpoint's API version, so what moved between versions is looked for in both
/// places. See https://docs.stripe.com/api/events/types.
/// </summary>
internal static class StripeEvent
{
    private static readonly string[] Unrelated =
    [
        "account.",
        "application_fee.",
        "balance.",
        "billing.",
        "billing_portal.",
        "capability.",
        "cash_balance.",
        "climate.",
        "coupon.",
        "credit_note.",
        "customer.",
        "customer_cash_balance_transaction.",
        "entitlements.",
        "external_account.",
        "file.",
        "financial_connections.",
        "identity.",
        "invoiceitem.",
        "issuing_",
        "mandate.",
        "payment_link.",
        "payment_method.",
        "payout.",
        "person.",
        "plan.",
        "price.",
        "product.",
        "promotion_code.",
        "quote.",
        "radar.",
        "reporting.",
        "review.",
        "setup_intent.",
        "sigma.",
        "source.",
        "subscription_schedule.",
        "tax.",
        "tax_rate.",
        "terminal.",
        "test_helpers.",
        "topup.",
        "transfer.",
        "treasury.",
    ];

    public static Translation Translate(JsonElement root)
    {
        var type = root.Text("type") ?? "";
        if (root.At("data", "object") is not { ValueKind: JsonValueKind.Object } told)
            return new Translation.NotUnderstood("data.object is missing");
        var sale = new StripeSale(type, root, told);
        return type switch
        {
            "checkout.session.completed" or "checkout.session.async_payment_succeeded" => sale.OfSession(
                told.Text("payment_status") == "unpaid" ? PaymentState.Pending : PaymentState.Approved
            ),
            "checkout.session.async_payment_failed" => sale.OfSession(PaymentState.Rejected),
            "checkout.session.expired" => new Translation.NoSale(type, "an abandoned checkout is no sale"),

            "payment_intent.succeeded" => sale.OfIntent(PaymentState.Approved),
            "payment_intent.processing" or "payment_intent.requires_action" => sale.OfIntent(PaymentState.Pending),
            "payment_intent.payment_failed" or "payment_intent.canceled" => sale.OfIntent(PaymentState.Rejected),
            "payment_intent.created" or "payment_intent.amount_capturable_updated" or "payment_intent.partially_funded" =>
                new Translation.NoSale(type, "nothing is paid yet"),

            "charge.succeeded" or "charge.captured" => sale.OfCharge(
                told.At("captured")?.ValueKind == JsonValueKind.False ? PaymentState.Pending : PaymentState.Approved
            ),
            "charge.pending" => sale.OfCharge(PaymentState.Pending),
            "charge.failed" or "charge.expired" => sale.OfCharge(PaymentState.Rejected),
            "charge.refunded" when told.Number("amount_refunded") >= told.Number("amount") => sale.OfCharge(PaymentState.Refunded),
            "charge.refunded" => new Translation.NoSale("partial_refund", "a part was refunded; the sale stands"),
            // Sent, too, when Stripe has booked the charge: only what a person changed can be news.
            "charge.updated" when IsChanged(root, "metadata") || IsChanged(root, "billing_details") => sale.OfMoreAboutCharge(),
            "charge.updated" => new Translation.NoSale(type, "nothing about the payment changed"),

            "charge.dispute.created" or "charge.dispute.funds_withdrawn" => sale.OfDispute(told.Text("status")),
            "charge.dispute.closed" => sale.OfDispute(told.Text("status")),
            "charge.dispute.funds_reinstated" => sale.OfDispute("won"),
            "charge.dispute.updated" => new Translation.NoSale(type, "the dispute goes on"),

            "refund.failed" or "charge.refund.updated" when told.Text("status") is "failed" or "canceled" => sale.OfFailedRefund(),
            "refund.created" or "refund.updated" or "refund.failed" or "charge.refund.updated" => new Translation.NoSale(
                type,
                "charge.refunded tells whether all of it went back"
            ),

            "invoice.paid" or "invoice.payment_succeeded" => sale.OfInvoice(PaymentState.Approved),
            "invoice.payment_failed" => sale.OfInvoice(PaymentState.Rejected),
            "invoice_payment.paid" => sale.OfInvoicePayment(),
            _ when type.StartsWith("invoice.", StringComparison.Ordinal) || type.StartsWith("invoice_payment.", StringComparison.Ordinal) =>
                new Translation.NoSale(type, "nothing is paid by it"),
            _ when Unrelated.Any(family => type.StartsWith(family, StringComparison.Ordinal)) => new Translation.NoSale(
                type,
                "it is about no payment"
            ),
            _ => new Translation.NotUnderstood($"type {(type.Length > 0 ? type : "is missing")}"),
        };
    }

    private static bool IsChanged(JsonElement root, string field) =>
        root.At("data", "previous_attributes") is { ValueKind: JsonValueKind.Object } before && before.TryGetProperty(field, out _);
}
