using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.Stripe;

/// <summary>Stripe under what every gateway must do.</summary>
public sealed class StripeGatewayTests(TrackAiServer server) : GatewayCompliance(server)
{
    private int events;

    protected override string Gateway => "stripe";

    protected override SimpleShape? Simple => null;

    protected override bool SignsBody => true;

    protected override Proof Prove(byte[] body, string secret)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{now}."), .. body];
        return new([
            ("Stripe-Signature", $"t={now},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed))}"),
        ]);
    }

    protected override JsonObject Report(string order, PaymentState state, string? secret)
    {
        var number = Interlocked.Increment(ref events);
        var sale = JsonNode
            .Parse(
                Deliveries.Payload(
                    "Stripe",
                    state switch
                    {
                        PaymentState.Pending => "checkout.session.completed_boleto_unpaid",
                        PaymentState.Approved => "checkout.session.completed_paid",
                        PaymentState.Refunded => "charge.refunded_full",
                        _ => "charge.dispute.created",
                    }
                )
            )!
            .AsObject();
        var told = sale["data"]!["object"]!.AsObject();
        sale["id"] = $"evt_{order}-{number}";
        // A second apart, as far as Stripe's clock goes.
        sale["created"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - 60 + number;
        told["payment_intent"] = order;
        foreach (var amount in (string[])["amount", "amount_total", "amount_refunded", "amount_captured"])
            if (told.ContainsKey(amount))
                told[amount] = 14790;
        if (told["customer_details"] is { } customer)
            customer["email"] = $"{order}@exemplo.com.br";
        return sale;
    }

    protected override JsonObject Barest(string order, string? secret) =>
        new()
        {
            ["object"] = "event",
            ["type"] = "checkout.session.completed",
            ["data"] = new JsonObject
            {
                ["object"] = new JsonObject
                {
                    ["payment_intent"] = order,
                    ["amount_total"] = 14790,
                    ["currency"] = "brl",
                },
            },
        };

    protected override JsonObject UnknownStatus(string order, string? secret)
    {
        var sale = Report(order, PaymentState.Approved, secret);
        sale["type"] = "payment_intent.teleported";
        return sale;
    }
}
