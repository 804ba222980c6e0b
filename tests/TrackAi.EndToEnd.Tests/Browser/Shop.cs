using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests.Browser;

/// <summary>The product, a seller's web site on another origin, and visitors with a real browser.</summary>
public sealed class Shop(Chromium chromium) : TrackAiServer
{
    private readonly ConcurrentDictionary<string, string> pages = new(StringComparer.Ordinal);
    private WebApplication? web;
    private int port;
    private int numbers;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        web = builder.Build();
        web.MapGet(
            "/{page}",
            (string page) => pages.TryGetValue(page, out var html) ? Results.Content(html, "text/html") : Results.NotFound()
        );
        await web.StartAsync();
        port = new Uri(web.Urls.First()).Port;
    }

    /// <summary>The tag that a seller pastes.</summary>
    public string Tag(Seller seller, string attributes = "") =>
        $"""<script async src="{Host.Url}/track.js" data-tenant="{seller.Tenant}" {attributes}></script>""";

    /// <summary>Puts a page on the web site and returns its address.</summary>
    public string Publish(string head, string body, string host = "www.loja.example")
    {
        var page = $"pagina-{Interlocked.Increment(ref numbers)}";
        pages[page] = $"<!doctype html><html><head><meta charset=utf-8><title>Violão Quente</title>{head}</head><body>{body}</body></html>";
        return $"http://{host}:{port}/{page}";
    }

    /// <summary>The same page on another host of the shop.</summary>
    public static string At(string url, string host) => new UriBuilder(url) { Host = host }.Uri.ToString();

    public async Task<Visitor> NewVisitorAsync() => new(await chromium.NewVisitorAsync());

    /// <summary>The events of a tenant, in their order, without those about the tenant itself.</summary>
    public async Task<IReadOnlyList<StoredVisit>> VisitsAsync(Seller seller)
    {
        var rows = await Database.ScalarAsync<string[]>(
            """
            select coalesce(array_agg(type || ' ' || data::text order by seq_id), '{}')
            from mt_events
            where tenant_id = $1 and type in ('click_captured', 'pageview_captured', 'checkout_initiated')
            """,
            seller.Tenant
        );
        return
        [
            .. rows.Select(row => new StoredVisit(
                row[..row.IndexOf(' ', StringComparison.Ordinal)],
                row[row.IndexOf(' ', StringComparison.Ordinal)..]
            )),
        ];
    }

    /// <summary>Waits until exactly these were stored.</summary>
    public async Task<IReadOnlyList<StoredVisit>> StoredAsync(Seller seller, params string[] types)
    {
        IReadOnlyList<StoredVisit> visits = [];
        await Eventually.TrueAsync(
            async () =>
                (visits = await VisitsAsync(seller))
                    .Select(visit => visit.Type)
                    .Order(StringComparer.Ordinal)
                    .SequenceEqual(types.Order(StringComparer.Ordinal)),
            $"{string.Join(", ", types)} of {seller.Tenant} are stored"
        );
        return visits;
    }

    public override async ValueTask DisposeAsync()
    {
        if (web is not null)
            await web.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A click, pageview or checkout as it lies in the log.</summary>
public sealed record StoredVisit(string Type, string Data)
{
    public System.Text.Json.JsonElement Json => System.Text.Json.JsonElement.Parse(Data);

    public string Text(params string[] path)
    {
        var found = Json;
        foreach (var name in path)
            found = found.GetProperty(name);
        return found.ToString();
    }
}

/// <summary>Somebody with a browser; notes what the page did wrong and which checkout they ended up at.</summary>
public sealed class Visitor(IBrowserContext context) : IAsyncDisposable
{
    private static readonly string[] Checkouts =
    [
        "**.hotmart.com/**",
        "**.kiwify.com.br/**",
        "**.perfectpay.com.br/**",
        "**.stripe.com/**",
    ];
    private readonly ConcurrentQueue<string> errors = new();

    public IBrowserContext Context { get; } = context;

    /// <summary>Exceptions that reached the page.</summary>
    public IReadOnlyCollection<string> Errors => errors;

    public async Task<IPage> OpenAsync(string url)
    {
        var page = await Context.NewPageAsync();
        page.PageError += (_, error) => errors.Enqueue(error);
        // The checkouts are other people's sites: what answers here says nothing.
        foreach (var checkout in Checkouts)
            await page.RouteAsync(
                $"https://{checkout}",
                route => route.FulfillAsync(new() { Body = "<title>checkout</title>", ContentType = "text/html" })
            );
        await page.GotoAsync(url);
        // The pixel comes after the page.
        await page.WaitForFunctionAsync("() => window.trackai && window.trackai.link");
        return page;
    }

    public async Task<string?> CookieAsync(string name) =>
        (await Context.CookiesAsync()).SingleOrDefault(cookie => cookie.Name == name)?.Value;

    public async ValueTask DisposeAsync() => await Context.DisposeAsync();
}
