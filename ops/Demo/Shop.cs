using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrackAi.Demo;

/// <summary>The seller's pages and PerfectPay, as seen from outside: everything goes through HTTP.</summary>
internal sealed class Shop(string url, TimeProvider time) : IDisposable
{
    private const string Browser = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36";

    private readonly ServiceProvider services = new ServiceCollection().AddHttpClient().BuildServiceProvider();
    private readonly string run = Convert.ToHexString(RandomNumberGenerator.GetBytes(4));
    private readonly ConcurrentDictionary<string, string> sales = new(StringComparer.Ordinal);
    private int orders;

    /// <summary>A new order id at each call and each run.</summary>
    public string NewOrder(string prefix) => $"{prefix}{run}{Interlocked.Increment(ref orders):00}";

    public string NewFbp() =>
        $"fb.1.{time.GetUtcNow().ToUnixTimeMilliseconds()}.{RandomNumberGenerator.GetInt32(1_000_000_000, int.MaxValue)}";

    public static string NewFbclid() => $"IwZXh0bg{Convert.ToHexString(RandomNumberGenerator.GetBytes(16))}";

    /// <summary>The buyer's mobile, the same at each delivery: a gateway that tells another one tells something new of the sale.</summary>
    public static string MobileOf(string email)
    {
        var hash = BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(email)));
        return $"9{80_000_000 + (hash % 20_000_000)}";
    }

    public string NewEmail(string name) => $"{name}.{run.ToLowerInvariant()}{RandomNumberGenerator.GetInt32(1000, 9999)}@exemplo.com.br";

    /// <summary>Somebody comes from an ad; returns the click token.</summary>
    public async Task<string> ClickAsync(object click, CancellationToken cancellationToken) =>
        await TrackAsync("click", click, cancellationToken);

    public async Task<string> CheckoutAsync(object checkout, CancellationToken cancellationToken) =>
        await TrackAsync("initiate_checkout", checkout, cancellationToken);

    /// <summary>A postback in PerfectPay's own shape; returns status code and body.</summary>
    public Task<(int Status, JsonElement Answer)> PostbackAsync(
        string order,
        int status,
        decimal amount,
        string email,
        JsonObject? metadata,
        CancellationToken cancellationToken,
        string token = DemoRun.PerfectPayToken
    )
    {
        // PerfectPay tells when the sale was made, not when it tells so: the same news of a sale is the same to the byte.
        var made = sales.GetOrAdd(
            order,
            _ => time.GetUtcNow().ToOffset(TimeSpan.FromHours(-3)).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
        );
        var body = new JsonObject
        {
            ["token"] = token,
            ["code"] = order,
            ["sale_amount"] = amount,
            ["currency_enum"] = 1,
            ["currency_enum_key"] = "BRL",
            ["payment_type_enum"] = 7,
            ["payment_type_enum_key"] = "pix",
            ["sale_status_enum"] = status,
            ["sale_status_enum_key"] = status switch
            {
                1 => "pending",
                2 => "approved",
                7 => "refunded",
                _ => "other",
            },
            ["date_created"] = made,
            ["date_approved"] = status == 2 ? made : null,
            ["product"] = new JsonObject { ["code"] = "PPPB0AQX", ["name"] = "Método Violão em 30 Dias" },
            ["customer"] = new JsonObject
            {
                ["full_name"] = "Idalina Furtado Prates",
                ["email"] = email,
                ["phone_extension"] = "55",
                ["phone_area_code"] = "85",
                ["phone_number"] = MobileOf(email),
                ["zip_code"] = "60165-121",
                ["city"] = "Fortaleza",
                ["state"] = "CE",
                ["country"] = "BR",
            },
            ["metadata"] = metadata ?? new JsonObject(),
        };
        return DeliverAsync("perfectpay", Encoding.UTF8.GetBytes(body.ToJsonString()), cancellationToken);
    }

    /// <summary>A sale by the simple contract, signed over the raw body.</summary>
    public Task<(int Status, JsonElement Answer)> SimpleAsync(
        object sale,
        CancellationToken cancellationToken,
        string secret = DemoRun.PerfectPayToken
    )
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(sale);
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body));
        return DeliverAsync("perfectpay", body, cancellationToken, header: ("x-perfectpay-signature", signature));
    }

    public void Dispose() => services.Dispose();

    private async Task<string> TrackAsync(string what, object visit, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{url}/api/v1/track/{what}") { Content = JsonContent.Create(visit) };
        request.Headers.Add("x-tenant-id", DemoRun.Tenant);
        request.Headers.TryAddWithoutValidation("User-Agent", Browser);
        using var answer = await Client().SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken)).GetProperty("id").GetString()!;
    }

    /// <summary>A gateway's own delivery, with what proves it.</summary>
    public async Task<(int Status, JsonElement Answer)> DeliverAsync(
        string gateway,
        byte[] body,
        CancellationToken cancellationToken,
        (string Name, string Value)? header = null,
        string query = ""
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{url}/api/v1/webhooks/{gateway}/{DemoRun.Tenant}{query}")
        {
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new("application/json");
        if (header is { } proof)
            request.Headers.Add(proof.Name, proof.Value);
        using var answer = await Client().SendAsync(request, cancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken));
    }

    private HttpClient Client() => services.GetRequiredService<IHttpClientFactory>().CreateClient();
}
