using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrackAi.Contracts;

namespace TrackAi.Testing;

/// <summary>What the product answered.</summary>
public sealed record Answer(HttpStatusCode Status, string Text, HttpResponseHeaders Headers)
{
    public int Code => (int)Status;

    public JsonElement Json => JsonElement.Parse(Text);

    /// <summary>Of a webhook that was accepted.</summary>
    public bool IsDuplicate => Json.GetProperty("duplicate").GetBoolean();

    public override string ToString() => $"{Code} {Text}";
}

/// <summary>A tenant, and everything that reaches the product on its behalf: its pages, its buyers, its gateways.</summary>
public sealed class Seller(TrackAiServer server, string gateway, string tenant, string secret, string pixelId)
{
    public const string Browser = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36";

    private int orders;
    private int postbacks;

    public TrackAiServer Server => server;

    public string Tenant { get; } = tenant;

    /// <summary>Proves its gateway's deliveries.</summary>
    public string Secret { get; } = secret;

    public string PixelId { get; } = pixelId;

    public string Token { get; private set; } = "";

    public string NewOrder() => $"{Tenant}-order-{Interlocked.Increment(ref orders):0000}";

    public Task SetSecretAsync(string secret) => server.Host.Tenants.SetGatewaySecretAsync(Tenant, gateway, secret);

    public async Task SetTokenAsync(string token, bool isValid = true)
    {
        if (isValid)
            server.MakeTokenValid(token);
        Token = token;
        await server.Host.Tenants.SetPixelAsync(Tenant, PixelId, token);
    }

    /// <summary>Waits until nothing more is sent to the pixel.</summary>
    public Task PausedAsync() =>
        Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    "select count(*) = 1 from dispatch_pixel where tenant_id = $1 and paused_at is not null",
                    Tenant
                ),
            "the pixel is paused"
        );

    /// <summary>Waits until a host knows the tenant with its secrets and its pixel.</summary>
    public Task KnownToAsync(TrackAiHost host) =>
        Eventually.TrueAsync(
            () =>
                Task.FromResult(
                    host.Directory.FindConnection(Tenant, gateway)?.Secrets.Contains(Secret, StringComparer.Ordinal) == true
                        && host.Directory.FindPixel(Tenant, PixelId)?.AccessToken == Token
                ),
            $"{Tenant} is known to the host"
        );

    public Guid EventId(string gateway, string order) => Ids.EventId(Tenant, gateway, order, "Purchase");

    public async Task<Answer> TrackAsync(string what, object visit, HttpClient? http = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/track/{what}") { Content = JsonContent.Create(visit) };
        request.Headers.Add("x-tenant-id", Tenant);
        request.Headers.TryAddWithoutValidation("User-Agent", Browser);
        return await SendAsync(request, http);
    }

    /// <summary>Somebody comes from an ad; returns the click token.</summary>
    public async Task<string> ClickAsync(object? click = null)
    {
        var answer = await TrackAsync(
            "click",
            click ?? new { utm_source = "FB", fbclid = $"IwZXh0bg{RandomNumberGenerator.GetHexString(20)}" }
        );
        return answer.Status == HttpStatusCode.Created
            ? answer.Json.GetProperty("id").GetString()!
            : throw new InvalidOperationException($"The click was not taken: {answer}.");
    }

    /// <summary>A sale in the simple contract of PerfectPay; Hotmart's has an event_time, too.</summary>
    public static JsonObject Sale(string order, string status = "approved", string? clickId = null, decimal amount = 147.90m)
    {
        var sale = new JsonObject
        {
            ["order_id"] = order,
            ["customer"] = new JsonObject { ["email"] = $"{order}@exemplo.com.br", ["phone"] = "+55 85 98700-1122" },
            ["amount"] = amount,
            ["currency"] = "BRL",
            ["status"] = status,
        };
        if (clickId is not null)
            sale["click_id"] = clickId;
        return sale;
    }

    /// <summary>PerfectPay's own postback.</summary>
    public JsonObject Postback(string order, int status, string? src = null)
    {
        var now = TimeProvider
            .System.GetUtcNow()
            .ToOffset(TimeSpan.FromHours(-3))
            .ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        return new JsonObject
        {
            ["token"] = Secret,
            ["code"] = order,
            ["sale_amount"] = 147.90m,
            ["currency_enum"] = 1,
            ["sale_status_enum"] = status,
            ["sale_status_enum_key"] = $"status {status}",
            ["date_created"] = now,
            ["date_approved"] = status == 2 ? now : null,
            ["product"] = new JsonObject { ["code"] = "PPPB0AQX" },
            ["customer"] = new JsonObject
            {
                ["full_name"] = "Idalina Furtado Prates",
                ["email"] = $"{order}@exemplo.com.br",
                ["phone_extension"] = "55",
                ["phone_area_code"] = "85",
                ["phone_number"] = "987001122",
            },
            ["metadata"] = new JsonObject { ["src"] = src },
            // No two postbacks of a sale are the same bytes, even within a second.
            ["sale_status_detail"] = $"{Interlocked.Increment(ref postbacks)}",
        };
    }

    /// <summary>A sale by the simple contract, signed over the raw body.</summary>
    public Task<Answer> DeliverAsync(JsonNode sale, HttpClient? http = null) => DeliverSignedAsync("perfectpay", Bytes(sale), http);

    public Task<Answer> DeliverSignedAsync(string gateway, byte[] body, HttpClient? http = null) =>
        DeliverAsync(gateway, body, [($"x-{gateway}-signature", Sign(body, Secret))], http: http);

    public Task<Answer> PostbackAsync(string order, int status, string? src = null, HttpClient? http = null) =>
        DeliverAsync("perfectpay", Bytes(Postback(order, status, src)), [], http: http);

    public Task<Answer> DeliverAsync(
        string gateway,
        byte[] body,
        IEnumerable<(string Name, string Value)> headers,
        string query = "",
        HttpClient? http = null
    )
    {
        var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        return DeliverAsync(gateway, content, headers, query, http);
    }

    public async Task<Answer> DeliverAsync(
        string gateway,
        HttpContent content,
        IEnumerable<(string Name, string Value)> headers,
        string query = "",
        HttpClient? http = null,
        bool chunked = false
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/webhooks/{gateway}/{Tenant}{query}") { Content = content };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        request.Headers.TransferEncodingChunked = chunked ? true : null;
        return await SendAsync(request, http);
    }

    public static string Sign(byte[] body, string secret) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body));

    public static byte[] Bytes(JsonNode json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    public async Task<Answer> SendAsync(HttpRequestMessage request, HttpClient? http = null)
    {
        using var response = await (http ?? server.Host.Http).SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }
}
