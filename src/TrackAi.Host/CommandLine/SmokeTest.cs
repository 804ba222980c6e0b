using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary>One step of the checklist.</summary>
internal sealed record SmokeStep(string Name, bool Ok, string Found);

/// <summary>The seven steps, over HTTP only, so that they work against any host. Later steps are not tried once one failed.</summary>
internal sealed class SmokeTest : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ServiceProvider services = new ServiceCollection().AddHttpClient().BuildServiceProvider();
    private readonly HttpClient http;
    private readonly string tenant;
    private readonly string secret;
    private readonly TimeSpan patience;
    private readonly string order;
    private readonly string token = ClickToken.New();
    private JsonElement timeline;

    public SmokeTest(string url, string tenant, string secret, string apiKey, TimeSpan patience)
    {
        (this.tenant, this.secret, this.patience) = (tenant, secret, patience);
        order = $"smoke-{token[4..]}";
        http = services.GetRequiredService<IHttpClientFactory>().CreateClient();
        http.BaseAddress = new Uri(url);
        http.DefaultRequestHeaders.Add("x-api-key", apiKey);
    }

    private string ConversionId => Streams.ConversionId("perfectpay", order);

    public void Dispose()
    {
        http.Dispose();
        services.Dispose();
    }

    public async IAsyncEnumerable<SmokeStep> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        (string Name, Func<CancellationToken, Task<(bool, string)>> Step)[] steps =
        [
            ("1 the host is healthy", HealthAsync),
            ("2 a click is captured", ClickAsync),
            ("3 a signed sale is accepted", token => DeliverAsync(expectDuplicate: false, token)),
            ("4 the sale is joined to the click", token => TimelineAsync("conversion_matched", token)),
            ("5 Meta confirmed the Purchase", token => TimelineAsync("dispatch_succeeded", token)),
            ("6 the reports show it", ReportsAsync),
            ("7 the same delivery again adds nothing", token => DeliverAsync(expectDuplicate: true, token)),
        ];
        foreach (var (name, step) in steps)
        {
            var (ok, found) = await TryAsync(step, cancellationToken);
            yield return new SmokeStep(name, ok, found);
            if (!ok)
                yield break;
        }
    }

    private static async Task<(bool, string)> TryAsync(
        Func<CancellationToken, Task<(bool, string)>> step,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await step(cancellationToken);
        }
        catch (Exception exception)
            when (exception is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return (false, exception.Message);
        }
    }

    private async Task<(bool, string)> HealthAsync(CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync("/health", cancellationToken);
        return (answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode}");
    }

    private async Task<(bool, string)> ClickAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/track/click")
        {
            Content = JsonContent.Create(
                new
                {
                    click_id = token,
                    utm_source = "smoke",
                    event_source_url = "https://example.com/smoke",
                }
            ),
        };
        request.Headers.Add("x-tenant-id", tenant);
        request.Headers.Add("User-Agent", "TrackAi smoke test");
        using var answer = await http.SendAsync(request, cancellationToken);
        return (answer.StatusCode == HttpStatusCode.Created, $"{(int)answer.StatusCode} {token}");
    }

    private async Task<(bool, string)> DeliverAsync(bool expectDuplicate, CancellationToken cancellationToken)
    {
        // The same bytes both times: event_time is left out, so nothing in it changes.
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                order_id = order,
                customer = new { email = $"{order}@example.com", phone = "+5511987654321" },
                amount = 1.00m,
                currency = "BRL",
                status = "approved",
                click_id = token,
            }
        );
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/webhooks/perfectpay/{tenant}")
        {
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Add("x-perfectpay-signature", Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body)));
        using var answer = await http.SendAsync(request, cancellationToken);
        if (answer.StatusCode != HttpStatusCode.Accepted)
            return (false, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(cancellationToken)}");
        var accepted = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        var isDuplicate = accepted.GetProperty("duplicate").GetBoolean();
        return (isDuplicate == expectDuplicate, $"202 event_id {accepted.GetProperty("event_id").GetString()}, duplicate {isDuplicate}");
    }

    private async Task<(bool, string)> TimelineAsync(string type, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            while (true)
            {
                using var answer = await http.GetAsync(
                    $"/api/v1/analytics/conversions/{Uri.EscapeDataString(ConversionId)}/timeline",
                    deadline.Token
                );
                if (answer.IsSuccessStatusCode)
                {
                    timeline = await answer.Content.ReadFromJsonAsync<JsonElement>(deadline.Token);
                    if (timeline.GetRawText().Contains($"\"{type}\"", StringComparison.Ordinal))
                        return (true, type);
                }
                else if (answer.StatusCode != HttpStatusCode.NotFound)
                {
                    return (false, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(deadline.Token)}");
                }
                await Task.Delay(Pause, deadline.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (
                false,
                $"no {type} within {patience.TotalSeconds:0} s; the timeline says: {(timeline.ValueKind == JsonValueKind.Undefined ? "nothing" : timeline.GetRawText())}"
            );
        }
    }

    private async Task<(bool, string)> ReportsAsync(CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync("/api/v1/analytics/dispatch-summary?period=24h", cancellationToken);
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        return (answer.IsSuccessStatusCode && text.Contains("perfectpay", StringComparison.Ordinal), $"{(int)answer.StatusCode}");
    }
}
