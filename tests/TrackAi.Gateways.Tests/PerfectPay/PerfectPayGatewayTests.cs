using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.PerfectPay;

/// <summary>PerfectPay under what every gateway must do.</summary>
public sealed class PerfectPayGatewayTests(TrackAiServer server) : GatewayCompliance(server)
{
    protected override string Gateway => "perfectpay";

    protected override SimpleShape Simple { get; } = new() { SignatureHeader = "x-perfectpay-signature", IsTimeOptional = true };

    // PerfectPay's only proof is the account's token, a field of the body.
    protected override bool SignsBody => false;

    protected override IReadOnlyList<string> TakenContentTypes => ["application/x-www-form-urlencoded"];

    protected override Proof Prove(byte[] body, string secret) => Proof.None;

    protected override JsonObject Report(string order, PaymentState state, string? secret)
    {
        var sale = JsonNode.Parse(Deliveries.Payload("PerfectPay", "approved_card_with_metadata"))!.AsObject();
        sale["code"] = order;
        sale["token"] = secret;
        if (secret is null)
            sale.Remove("token");
        // The recorded times are long ago, and Meta takes seven days.
        sale.Remove("date_created");
        sale.Remove("date_approved");
        sale["customer"]!["email"] = $"{order}@exemplo.com.br";
        sale["sale_status_enum"] = state switch
        {
            PaymentState.Pending => 1,
            PaymentState.Approved => 2,
            PaymentState.Refunded => 7,
            _ => 9,
        };
        sale.Remove("sale_status_enum_key");
        return sale;
    }

    protected override JsonObject Barest(string order, string? secret) =>
        new()
        {
            ["token"] = secret,
            ["code"] = order,
            ["sale_amount"] = 147.90m,
            ["currency_enum"] = 1,
            ["sale_status_enum"] = 2,
        };

    protected override JsonObject UnknownStatus(string order, string? secret)
    {
        var sale = Report(order, PaymentState.Approved, secret);
        sale["sale_status_enum"] = 99;
        return sale;
    }
}
