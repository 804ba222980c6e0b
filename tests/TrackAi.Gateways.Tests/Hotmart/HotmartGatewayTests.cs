using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.Hotmart;

/// <summary>Hotmart under what every gateway must do.</summary>
public sealed class HotmartGatewayTests(TrackAiServer server) : GatewayCompliance(server)
{
    private long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    protected override string Gateway => "hotmart";

    protected override SimpleShape Simple { get; } = new() { SignatureHeader = "x-hotmart-signature" };

    // The account's hottok, in a header.
    protected override bool SignsBody => false;

    protected override bool ProofNeedsTheBody => false;

    protected override IReadOnlyList<string> TakenContentTypes => ["application/x-www-form-urlencoded"];

    protected override Proof Prove(byte[] body, string secret) => new([("X-HOTMART-HOTTOK", secret)]);

    protected override JsonObject Report(string order, PaymentState state, string? secret)
    {
        var sale = JsonNode.Parse(Deliveries.Payload("Hotmart", "approved_card_with_origin"))!.AsObject();
        var (purchase, reported) = (sale["data"]!["purchase"]!, Interlocked.Increment(ref now));
        sale["id"] = $"{Ids.Derived($"{order}|{reported}")}";
        sale["creation_date"] = reported;
        sale["event"] = state switch
        {
            PaymentState.Pending => "PURCHASE_BILLET_PRINTED",
            PaymentState.Approved => "PURCHASE_APPROVED",
            PaymentState.Refunded => "PURCHASE_REFUNDED",
            _ => "PURCHASE_CHARGEBACK",
        };
        purchase["transaction"] = order;
        purchase["approved_date"] = reported - 100;
        purchase["order_date"] = reported - 200;
        purchase["price"]!["value"] = 147.90m;
        sale["data"]!["buyer"]!["email"] = $"{order}@exemplo.com.br";
        return sale;
    }

    protected override JsonObject Barest(string order, string? secret) =>
        new()
        {
            ["event"] = "PURCHASE_APPROVED",
            ["data"] = new JsonObject
            {
                ["purchase"] = new JsonObject
                {
                    ["transaction"] = order,
                    ["price"] = new JsonObject { ["value"] = 147.90m, ["currency_value"] = "BRL" },
                },
            },
        };

    protected override JsonObject UnknownStatus(string order, string? secret)
    {
        var sale = Report(order, PaymentState.Approved, secret);
        sale["event"] = "PURCHASE_TELEPORTED";
        return sale;
    }
}
