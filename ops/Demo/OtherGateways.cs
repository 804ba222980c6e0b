using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrackAi.Demo;

/// <summary>Hotmart, Kiwify and Stripe as seen from outside: their own shapes, with their own proof of origin.</summary>
internal sealed class OtherGateways(Shop shop, TimeProvider time)
{
    private int events;

    public Task<(int Status, JsonElement Answer)> HotmartAsync(
        string name,
        string transaction,
        decimal price,
        string email,
        CancellationToken cancellationToken,
        string? sck = null,
        int recurrence = 1
    )
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var amount = new JsonObject { ["value"] = price, ["currency_value"] = "BRL" };
        var body = new JsonObject
        {
            ["id"] = $"{transaction}-{name}".ToLowerInvariant(),
            ["creation_date"] = now,
            ["event"] = name,
            ["version"] = "2.0.0",
            ["data"] = new JsonObject
            {
                ["product"] = new JsonObject { ["id"] = 5512087, ["name"] = "Horta em Casa do Zero" },
                ["buyer"] = new JsonObject
                {
                    ["email"] = email,
                    ["name"] = "Marilda Quintão Abreu",
                    ["checkout_phone_code"] = "31",
                    ["checkout_phone"] = Shop.MobileOf(email),
                    ["address"] = new JsonObject
                    {
                        ["city"] = "Belo Horizonte",
                        ["state"] = "Minas Gerais",
                        ["country_iso"] = "BR",
                    },
                },
                ["purchase"] = new JsonObject
                {
                    ["approved_date"] = now,
                    ["order_date"] = now,
                    ["price"] = amount.DeepClone(),
                    ["full_price"] = amount,
                    ["transaction"] = transaction,
                    ["payment"] = new JsonObject { ["type"] = "PIX", ["installments_number"] = 1 },
                    ["recurrence_number"] = recurrence,
                    ["origin"] = new JsonObject
                    {
                        ["src"] = "meta",
                        ["sck"] = sck ?? "",
                        ["xcod"] = "",
                    },
                },
            },
        };
        return shop.DeliverAsync("hotmart", Bytes(body), cancellationToken, header: ("X-HOTMART-HOTTOK", DemoRun.Hottok));
    }

    public Task<(int Status, JsonElement Answer)> KiwifyAsync(
        string name,
        string order,
        int centavos,
        string email,
        string? click,
        CancellationToken cancellationToken,
        bool isWrapped = false
    )
    {
        var now = time.GetUtcNow().ToOffset(TimeSpan.FromHours(-3)).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        var inner = new JsonObject
        {
            ["order_id"] = order,
            ["order_status"] = "paid",
            ["webhook_event_type"] = name,
            ["created_at"] = now,
            ["updated_at"] = now,
            ["approved_date"] = now,
            ["Product"] = new JsonObject { ["product_id"] = "4f6a0f22", ["product_name"] = "Planilha do Feirante" },
            ["Customer"] = new JsonObject
            {
                ["full_name"] = "Otávio Rezende Lacerda",
                ["email"] = email,
                ["mobile"] = $"+5541{Shop.MobileOf(email)}",
                ["city"] = "Curitiba",
                ["state"] = "PR",
            },
            ["Commissions"] = new JsonObject
            {
                ["charge_amount"] = centavos,
                ["product_base_price"] = centavos,
                ["currency"] = "BRL",
            },
            ["TrackingParameters"] = new JsonObject { ["utm_source"] = "FB", ["s1"] = click },
        };
        var signed = Bytes(inner);
#pragma warning disable CA5350 // Kiwify's choice.
        var signature = Convert.ToHexStringLower(HMACSHA1.HashData(Encoding.UTF8.GetBytes(DemoRun.KiwifyToken), signed));
#pragma warning restore CA5350
        var body = isWrapped ? [.. "{\"order\":"u8, .. signed, .. "}"u8] : signed;
        return shop.DeliverAsync("kiwify", body, cancellationToken, query: $"?signature={signature}");
    }

    public Task<(int Status, JsonElement Answer)> StripePaymentAsync(
        string intent,
        int cents,
        CancellationToken cancellationToken,
        TimeSpan age = default
    ) =>
        StripeAsync(
            "payment_intent.succeeded",
            new JsonObject
            {
                ["id"] = intent,
                ["object"] = "payment_intent",
                ["amount"] = cents,
                ["amount_received"] = cents,
                ["currency"] = "brl",
                ["customer"] = "cus_TDemo0001",
                ["status"] = "succeeded",
            },
            cancellationToken,
            age
        );

    public Task<(int Status, JsonElement Answer)> StripeChargeAsync(
        string intent,
        int cents,
        string email,
        CancellationToken cancellationToken
    ) =>
        StripeAsync(
            "charge.succeeded",
            new JsonObject
            {
                ["id"] = intent.Replace("pi_", "ch_", StringComparison.Ordinal),
                ["object"] = "charge",
                ["amount"] = cents,
                ["amount_captured"] = cents,
                ["captured"] = true,
                ["currency"] = "brl",
                ["customer"] = "cus_TDemo0001",
                ["payment_intent"] = intent,
                ["billing_details"] = new JsonObject { ["email"] = email, ["name"] = "Teodora Vilela" },
            },
            cancellationToken
        );

    /// <param name="name">Behind <c>checkout.session.</c></param>
    public Task<(int Status, JsonElement Answer)> StripeSessionAsync(
        string name,
        string intent,
        int cents,
        string email,
        string click,
        bool isPaid,
        CancellationToken cancellationToken
    ) =>
        StripeAsync(
            $"checkout.session.{name}",
            new JsonObject
            {
                ["id"] = intent.Replace("pi_", "cs_live_", StringComparison.Ordinal),
                ["object"] = "checkout.session",
                ["mode"] = "payment",
                ["payment_status"] = isPaid ? "paid" : "unpaid",
                ["amount_total"] = cents,
                ["currency"] = "brl",
                ["customer"] = "cus_TDemo0001",
                ["payment_intent"] = intent,
                ["client_reference_id"] = click,
                ["customer_details"] = new JsonObject
                {
                    ["email"] = email,
                    ["name"] = "Teodora Vilela",
                    ["phone"] = $"+5581{Shop.MobileOf(email)}",
                },
            },
            cancellationToken
        );

    private Task<(int Status, JsonElement Answer)> StripeAsync(
        string type,
        JsonObject told,
        CancellationToken cancellationToken,
        TimeSpan age = default
    )
    {
        var now = time.GetUtcNow() - age;
        var body = Bytes(
            new JsonObject
            {
                ["id"] = $"evt_{told["id"]!.GetValue<string>()}_{Interlocked.Increment(ref events)}",
                ["object"] = "event",
                ["api_version"] = "2026-10-28.endive",
                ["created"] = now.ToUnixTimeSeconds(),
                ["type"] = type,
                ["livemode"] = true,
                ["data"] = new JsonObject { ["object"] = told },
            }
        );
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{now.ToUnixTimeSeconds()}."), .. body];
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(DemoRun.StripeSecret), signed));
        return shop.DeliverAsync(
            "stripe",
            body,
            cancellationToken,
            header: ("Stripe-Signature", $"t={now.ToUnixTimeSeconds()},v1={signature}")
        );
    }

    private static byte[] Bytes(JsonNode json) => Encoding.UTF8.GetBytes(json.ToJsonString());
}
