using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.Kiwify;

/// <summary>Kiwify under what every gateway must do.</summary>
public sealed class KiwifyGatewayTests(TrackAiServer server) : GatewayCompliance(server)
{
    protected override string Gateway => "kiwify";

    protected override SimpleShape Simple { get; } =
        new()
        {
            SignatureHeader = "x-kiwify-signature",
            OrderField = "purchase_id",
            BuyerField = "buyer",
            AmountField = "value",
            TimeField = "created_at",
            Approved = "completed",
        };

    protected override bool SignsBody => true;

#pragma warning disable CA5350 // Kiwify's choice.
    protected override Proof Prove(byte[] body, string secret) =>
        new([], $"?signature={Convert.ToHexStringLower(HMACSHA1.HashData(Encoding.UTF8.GetBytes(secret), body))}");
#pragma warning restore CA5350

    protected override JsonObject Report(string order, PaymentState state, string? secret)
    {
        var sale = JsonNode.Parse(Deliveries.Payload("Kiwify", "approved_card_with_tracking"))!.AsObject();
        var now = TimeProvider
            .System.GetUtcNow()
            .ToOffset(TimeSpan.FromHours(-3))
            .ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        sale["order_id"] = order;
        sale["webhook_event_type"] = state switch
        {
            PaymentState.Pending => "pix_created",
            PaymentState.Approved => "order_approved",
            PaymentState.Refunded => "order_refunded",
            _ => "chargeback",
        };
        (sale["created_at"], sale["updated_at"], sale["approved_date"]) = (now, now, now);
        sale["Commissions"]!["product_base_price"] = 14790;
        sale["Customer"]!["email"] = $"{order}@exemplo.com.br";
        return sale;
    }

    protected override JsonObject Barest(string order, string? secret) =>
        new()
        {
            ["order_id"] = order,
            ["webhook_event_type"] = "order_approved",
            ["Commissions"] = new JsonObject { ["charge_amount"] = "14790" },
        };

    protected override JsonObject UnknownStatus(string order, string? secret)
    {
        var sale = Report(order, PaymentState.Approved, secret);
        sale["webhook_event_type"] = "order_teleported";
        return sale;
    }
}
