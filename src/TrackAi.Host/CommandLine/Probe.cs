using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary>
/// The way of one buyer from the page to the door of Meta, over the host's own HTTP, read back from the log. A step that breaks the way ends it; a
/// step that only loses something lets the others go on.
/// </summary>
internal sealed class Probe : IDisposable
{
    private const string Fbclid = "IwAR0trackaiProbe";
    private const string Browser = "Mozilla/5.0 (X11; Linux x64) TrackAi/probe";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ServiceProvider clients = new ServiceCollection().AddHttpClient().BuildServiceProvider();
    private readonly HttpClient http;
    private readonly ITenantDirectory directory;
    private readonly IPersonalData people;
    private readonly PostgresEventStore store;
    private readonly ProbedFunnel funnel;
    private readonly TimeSpan patience;
    private readonly string token = ClickToken.New();
    private readonly ProbeSale sale;

    public Probe(IServiceProvider services, ProbedFunnel funnel, string url, TimeSpan patience)
    {
        (this.funnel, this.patience) = (funnel, patience);
        directory = services.GetRequiredService<ITenantDirectory>();
        people = services.GetRequiredService<IPersonalData>();
        store = services.GetRequiredService<PostgresEventStore>();
        sale = new ProbeSale(funnel, token, services.GetRequiredService<TimeProvider>().GetUtcNow());
        http = clients.GetRequiredService<IHttpClientFactory>().CreateClient();
        http.BaseAddress = new Uri(url);
    }

    private StreamId Click => new(funnel.Tenant, Streams.Click(token));

    private StreamId Conversion => new(funnel.Tenant, Streams.Conversion(Streams.ConversionId(funnel.Gateway, sale.Order)));

    public void Dispose()
    {
        http.Dispose();
        clients.Dispose();
    }

    public async IAsyncEnumerable<ProbeStep> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        (string Name, bool EndsTheWay, Func<CancellationToken, Task<(bool, string)>> Step)[] steps =
        [
            ("the host is healthy", true, HealthAsync),
            ("the pixel is served", false, PixelAsync),
            ("a page's click is taken in", true, SendClickAsync),
            ("the click kept what the page knew", false, ClickKeptAsync),
            ("the gateway is connected", true, _ => Task.FromResult(Connected())),
            ("the checkout's link carries the click", false, _ => Task.FromResult((true, sale.Link))),
            ("the gateway's webhook is taken in", true, DeliverAsync),
            ("the sale kept what the gateway knew", false, SaleKeptAsync),
            ("the sale is joined to the click", false, MatchedAsync),
            ("the sale belongs to the funnel", false, _ => Task.FromResult(Routed())),
            ("the sale ends before Meta", false, EndedAsync),
        ];
        foreach (var (name, endsTheWay, step) in steps)
        {
            var (ok, found) = await TryAsync(step, cancellationToken);
            yield return new ProbeStep(name, ok, found);
            if (!ok && endsTheWay)
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
        catch (Exception exception) when (exception is HttpRequestException or JsonException)
        {
            return (false, exception.Message);
        }
    }

    private async Task<(bool, string)> HealthAsync(CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync("/health", cancellationToken);
        return (answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode} at {http.BaseAddress}");
    }

    private async Task<(bool, string)> PixelAsync(CancellationToken cancellationToken)
    {
        var script = await http.GetStringAsync("/track.js", cancellationToken);
        return (script.Contains("tk1_", StringComparison.Ordinal), $"{script.Length} bytes");
    }

    private async Task<(bool, string)> SendClickAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/track/click?t={funnel.Tenant}")
        {
            Content = JsonContent.Create(
                new
                {
                    click_id = token,
                    fbclid = Fbclid,
                    fbp = "fb.1.1731000000000.1098115397",
                    utm_source = "trackai-probe",
                    utm_campaign = funnel.Funnel,
                    event_source_url = Page,
                }
            ),
        };
        request.Headers.TryAddWithoutValidation("User-Agent", Browser);
        request.Headers.TryAddWithoutValidation("Origin", new Uri(Page).GetLeftPart(UriPartial.Authority));
        return await SendAsync(request, HttpStatusCode.Created, cancellationToken);
    }

    // A page of the seller's own, where the tenant names whose pages may send.
    private string Page =>
        funnel.Origins.Count == 0 ? "https://probe.example/" : $"{funnel.Origins[0].Replace("*.", "probe.", StringComparison.Ordinal)}/";

    private async Task<(bool, string)> ClickKeptAsync(CancellationToken cancellationToken)
    {
        var events = await store.ReadStreamAsync(Click, cancellationToken);
        if (events is not [{ Data: ClickCaptured click }, ..])
            return (false, "the click is not in this database: the host at that URL writes to another one");
        var opened = await people.OpenAsync([new ProtectedPart(funnel.Tenant, Click.Id, click.Protected)], cancellationToken);
        return Kept([
            ("fbclid", click.Has.Fbclid),
            ("fbc", click.Has.Fbc),
            ("fbp", click.Has.Fbp),
            ("utm_source", click.Campaign.UtmSource is not null),
            ("client_ip_address", opened[0]?.IpAddress is not null),
            ("client_user_agent", opened[0]?.UserAgent is not null),
            ("event_source_url", opened[0]?.EventSourceUrl is not null),
        ]);
    }

    private (bool, string) Connected() =>
        directory.FindConnection(funnel.Tenant, funnel.Gateway) is null
            ? (false, $"no secret is set: gateways set {funnel.Tenant} {funnel.Gateway} --secret -")
        : directory.FindConnection(funnel.Tenant, funnel.Gateway)!.Secrets.Count == 0
            ? (false, $"its secret does not open: gateways set {funnel.Tenant} {funnel.Gateway} --secret -")
        : directory.FindConnection(funnel.Tenant, funnel.Gateway)!.UrlSegmentDigest is not null && funnel.Segment is null
            ? (false, "its webhook URL ends with a secret segment: give --segment")
        : (true, funnel.Gateway);

    private Task<(bool, string)> DeliverAsync(CancellationToken cancellationToken) =>
        SendAsync(
            sale.Request(directory.FindConnection(funnel.Tenant, funnel.Gateway)!.Secrets[0]),
            HttpStatusCode.Accepted,
            cancellationToken
        );

    private async Task<(bool, string)> SaleKeptAsync(CancellationToken cancellationToken)
    {
        var events = await store.ReadStreamAsync(Conversion, cancellationToken);
        return events is [{ Data: ConversionReceived received }, ..]
            ? Kept([("click_id", received.ClickId == token), ("em", received.Has.Email), ("ph", received.Has.Phone)])
            : (false, $"there is no stream {Conversion.Id}");
    }

    private async Task<(bool, string)> MatchedAsync(CancellationToken cancellationToken) =>
        await WaitAsync(decided => decided is ConversionMatched or ConversionUnmatched, cancellationToken) switch
        {
            ConversionMatched matched => (matched.ClickId == token, $"by {matched.Rule}"),
            ConversionUnmatched unmatched => (false, unmatched.Reason),
            _ => (false, $"no decision within {patience.TotalSeconds:0} s; see 'projections status'"),
        };

    private (bool, string) Routed()
    {
        var owner = directory.FindFunnel(funnel.Tenant, funnel.Gateway, funnel.Product);
        var pixels = directory.RoutePixels(funnel.Tenant, funnel.Gateway, funnel.Product);
        if (owner != funnel.Funnel)
            return (false, $"it belongs to {owner ?? "no funnel"}; see 'funnels list {funnel.Tenant}'");
        var lost = pixels.Where(pixel => directory.FindPixel(funnel.Tenant, pixel) is null).ToArray();
        return pixels.Count == 0 ? (false, $"no pixel is set: pixels set {funnel.Tenant} PIXEL --token -")
            : lost.Length > 0 ? (false, $"no token is set: pixels set {funnel.Tenant} {lost[0]} --token -")
            : (true, $"a real sale goes to pixel {string.Join(", ", pixels)}");
    }

    private async Task<(bool, string)> EndedAsync(CancellationToken cancellationToken) =>
        await WaitAsync(decided => decided is DispatchSkipped or DispatchRequested, cancellationToken) switch
        {
            DispatchSkipped skipped => (skipped.Reason == "test", $"skipped: {skipped.Reason}"),
            DispatchRequested => (false, "it went on to Meta"),
            _ => (false, $"no decision within {patience.TotalSeconds:0} s; see 'projections status'"),
        };

    private async Task<object?> WaitAsync(Func<object, bool> isIt, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            while (true)
            {
                var events = await store.ReadStreamAsync(Conversion, deadline.Token);
                if (events.Select(recorded => recorded.Data).FirstOrDefault(isIt) is { } found)
                    return found;
                await Task.Delay(Pause, deadline.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private static (bool, string) Kept(IReadOnlyList<(string Name, bool IsThere)> identifiers)
    {
        var lost = identifiers.Where(identifier => !identifier.IsThere).Select(identifier => identifier.Name).ToArray();
        var kept = identifiers.Where(identifier => identifier.IsThere).Select(identifier => identifier.Name);
        return (lost.Length == 0, string.Join(" ", kept) + (lost.Length == 0 ? "" : $"; lost: {string.Join(" ", lost)}"));
    }

    private async Task<(bool, string)> SendAsync(HttpRequestMessage request, HttpStatusCode expected, CancellationToken cancellationToken)
    {
        using (request)
        {
            using var answer = await http.SendAsync(request, cancellationToken);
            var text = answer.StatusCode == expected ? "" : $" {await answer.Content.ReadAsStringAsync(cancellationToken)}";
            return (answer.StatusCode == expected, $"{(int)answer.StatusCode}{text}");
        }
    }
}
