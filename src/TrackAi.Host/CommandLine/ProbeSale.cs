using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace TrackAi.Host.CommandLine;

/// <summary>
/// The marked sale of a probe: worth nothing, proved as the gateway proves, with the click in the parameter in which the gateway gives it back. In
/// the simple contract; Stripe, which has none, in its own shape.
/// </summary>
internal sealed class ProbeSale(ProbedFunnel funnel, string token, DateTimeOffset now)
{
    private const string Phone = "+5511900000000";

    private string Id => token[4..];

    /// <summary>Stripe's orders are its PaymentIntents.</summary>
    public string Order => funnel.Gateway == "stripe" ? $"pi_probe{Id}" : $"probe-{Id}";

    private string Email => $"probe-{Id}@example.com".ToLowerInvariant();

    // As the pixel decorates it.
    public string Link =>
        funnel.Gateway switch
        {
            "hotmart" => $"https://pay.hotmart.com/…?xcod={token}",
            "kiwify" => $"https://pay.kiwify.com.br/…?s1={token}",
            "stripe" => $"https://buy.stripe.com/…?client_reference_id={token}",
            _ => $"https://go.perfectpay.com.br/…?src={token}",
        };

    public HttpRequestMessage Request(string secret)
    {
        var body = Encoding.UTF8.GetBytes((funnel.Gateway == "stripe" ? Session() : Simple()).ToJsonString());
        var request = new HttpRequestMessage(
            HttpMethod.Post,
            $"/api/v1/webhooks/{funnel.Gateway}/{funnel.Tenant}{(funnel.Segment is null ? "" : $"/{funnel.Segment}")}"
        )
        {
            Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        if (funnel.Gateway == "stripe")
        {
            var seconds = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            request.Headers.Add("Stripe-Signature", $"t={seconds},v1={Sign([.. Encoding.UTF8.GetBytes($"{seconds}."), .. body], secret)}");
        }
        else
        {
            request.Headers.Add($"x-{funnel.Gateway}-signature", Sign(body, secret));
        }
        return request;
    }

    private JsonObject Simple()
    {
        var isKiwify = funnel.Gateway == "kiwify";
        return new JsonObject
        {
            ["test"] = true,
            [isKiwify ? "purchase_id" : "order_id"] = Order,
            [isKiwify ? "buyer" : "customer"] = new JsonObject { ["email"] = Email, ["phone"] = Phone },
            [isKiwify ? "value" : "amount"] = 0,
            ["currency"] = "BRL",
            ["status"] = isKiwify ? "completed" : "approved",
            [isKiwify ? "created_at" : "event_time"] = now.ToUnixTimeSeconds(),
            ["product_id"] = funnel.Product,
            [funnel.Gateway == "hotmart" ? "xcod" : "src"] = token,
        };
    }

    private JsonObject Session() =>
        new()
        {
            ["id"] = $"evt_probe{Id}",
            ["object"] = "event",
            ["created"] = now.ToUnixTimeSeconds(),
            ["livemode"] = false,
            ["type"] = "checkout.session.completed",
            ["data"] = new JsonObject
            {
                ["object"] = new JsonObject
                {
                    ["id"] = $"cs_probe{Id}",
                    ["object"] = "checkout.session",
                    ["mode"] = "payment",
                    ["payment_status"] = "paid",
                    ["payment_intent"] = Order,
                    ["amount_total"] = 0,
                    ["currency"] = "brl",
                    ["client_reference_id"] = token,
                    ["customer_details"] = new JsonObject { ["email"] = Email, ["phone"] = Phone },
                    ["metadata"] = new JsonObject { ["trackai_test"] = "true" },
                },
            },
        };

    private static string Sign(byte[] signed, string secret) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed));
}
