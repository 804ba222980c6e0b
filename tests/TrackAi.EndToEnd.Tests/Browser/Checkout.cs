using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests.Browser;

/// <summary>
/// What a gateway does with the address its checkout was opened at: sells, and tells of it in its own webhook, with the parameters that it gives back
/// and no others.
/// </summary>
internal static class Checkout
{
    /// <summary>Returns the order.</summary>
    public static async Task<(string Order, Answer Answer)> SellAsync(string gateway, Seller seller, string url)
    {
        var query = HttpUtility.ParseQueryString(new Uri(url).Query);
        var order = gateway == "stripe" ? $"pi_{seller.NewOrder().Replace('-', 'x')}" : seller.NewOrder();
        var now = TimeProvider.System.GetUtcNow();
        var body = Seller.Bytes(
            gateway switch
            {
                "hotmart" => Hotmart(order, query["xcod"], query["sck"], query["src"], now),
                "kiwify" => Kiwify(order, query["s1"], query["s2"], query["s3"], now),
                "stripe" => Stripe(order, query["client_reference_id"], now),
                _ => seller.Postback(order, 2, query["src"]),
            }
        );
        var (headers, proof) = Prove(gateway, body, seller.Secret, now);
        return (order, await seller.DeliverAsync(gateway, body, headers, proof));
    }

    private static JsonObject Hotmart(string order, string? xcod, string? sck, string? src, DateTimeOffset now) =>
        new()
        {
            ["id"] = $"delivery-of-{order}",
            ["creation_date"] = now.ToUnixTimeMilliseconds(),
            ["event"] = "PURCHASE_APPROVED",
            ["version"] = "2.0.0",
            ["data"] = new JsonObject
            {
                ["product"] = new JsonObject { ["id"] = 777 },
                ["buyer"] = new JsonObject { ["email"] = $"{order}@exemplo.com.br", ["checkout_phone"] = "85987001122" },
                ["purchase"] = new JsonObject
                {
                    ["transaction"] = order,
                    ["status"] = "APPROVED",
                    ["approved_date"] = now.ToUnixTimeMilliseconds(),
                    ["price"] = new JsonObject { ["value"] = 147.90m, ["currency_value"] = "BRL" },
                    ["payment"] = new JsonObject { ["type"] = "CREDIT_CARD" },
                    ["origin"] = new JsonObject
                    {
                        ["xcod"] = xcod,
                        ["sck"] = sck,
                        ["src"] = src,
                    },
                },
            },
        };

    private static JsonObject Kiwify(string order, string? s1, string? s2, string? s3, DateTimeOffset now)
    {
        var local = now.ToOffset(TimeSpan.FromHours(-3)).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        return new JsonObject
        {
            ["order_id"] = order,
            ["order_status"] = "paid",
            ["webhook_event_type"] = "order_approved",
            ["payment_method"] = "credit_card",
            ["created_at"] = local,
            ["updated_at"] = local,
            ["approved_date"] = local,
            ["Product"] = new JsonObject { ["product_id"] = "curso-1" },
            ["Customer"] = new JsonObject { ["email"] = $"{order}@exemplo.com.br", ["mobile"] = "+5585987001122" },
            ["Commissions"] = new JsonObject
            {
                ["charge_amount"] = 14790,
                ["product_base_price"] = 14790,
                ["currency"] = "BRL",
            },
            ["TrackingParameters"] = new JsonObject
            {
                ["s1"] = s1,
                ["s2"] = s2,
                ["s3"] = s3,
            },
        };
    }

    private static JsonObject Stripe(string order, string? reference, DateTimeOffset now) =>
        new()
        {
            ["id"] = $"evt_{order}",
            ["object"] = "event",
            ["created"] = now.ToUnixTimeSeconds(),
            ["type"] = "checkout.session.completed",
            ["data"] = new JsonObject
            {
                ["object"] = new JsonObject
                {
                    ["id"] = $"cs_{order}",
                    ["object"] = "checkout.session",
                    ["mode"] = "payment",
                    ["payment_status"] = "paid",
                    ["payment_intent"] = order,
                    ["amount_total"] = 14790,
                    ["currency"] = "brl",
                    ["client_reference_id"] = reference,
                    ["customer_details"] = new JsonObject { ["email"] = $"{order}@exemplo.com.br", ["phone"] = "+5585987001122" },
                },
            },
        };

    private static ((string, string)[] Headers, string Query) Prove(string gateway, byte[] body, string secret, DateTimeOffset now)
    {
        var key = Encoding.UTF8.GetBytes(secret);
        var seconds = $"{now.ToUnixTimeSeconds()}";
        return gateway switch
        {
            "hotmart" => ([("X-HOTMART-HOTTOK", secret)], ""),
#pragma warning disable CA5350 // Kiwify signs so.
            "kiwify" => ([], $"?signature={Convert.ToHexStringLower(HMACSHA1.HashData(key, body))}"),
#pragma warning restore CA5350
            "stripe" => (
                [("Stripe-Signature", $"t={seconds},v1={Seller.Sign([.. Encoding.UTF8.GetBytes($"{seconds}."), .. body], secret)}")],
                ""
            ),
            _ => ([], ""),
        };
    }
}
