using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using TrackAi.Benchmarks;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>A shop with two months behind it: every page, in both themes, on a desk and on a phone.</summary>
public sealed class BusyTests(BusyShop shop) : IClassFixture<BusyShop>
{
    private static readonly string Axe = File.ReadAllText(
        Path.Combine(AppContext.BaseDirectory, "../../../../tests/TrackAi.Dashboard.Tests/Axe/node_modules/axe-core/axe.min.js")
    );

    public static TheoryData<string> Routes => [.. Pages.Routes];

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Every_page_can_be_read_by_everybody_in_both_themes_and_both_languages(string route)
    {
        foreach (var (theme, language) in new[] { ("light", "en"), ("dark", "pt") })
        {
            var browser = await shop.BrowserAsync(route, shop.Operator, theme, language);
            var page = await OpenAsync(browser, route);
            await Screens.TakeAsync(page, $"{Pages.NameOf(route)}-{theme}");

            (await BarriersAsync(page)).ShouldBeEmpty($"{route}, {theme}");
            browser.Complaints.ShouldBeEmpty($"{route}, {theme}");
        }
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Every_page_fits_a_phone(string route)
    {
        var browser = await shop.BrowserAsync(route, shop.Owner, "light", "pt", isPhone: true);
        var page = await OpenAsync(browser, route);
        await Screens.TakeAsync(page, $"{Pages.NameOf(route)}-phone");

        var (wide, view) = (
            await page.EvaluateAsync<int>("document.documentElement.scrollWidth"),
            await page.EvaluateAsync<int>("document.documentElement.clientWidth")
        );
        wide.ShouldBeLessThanOrEqualTo(
            view,
            $"{route}: {await page.EvaluateAsync<string>("[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth && !one.closest('.scroll, .tabs')).map(one => one.tagName + '.' + one.className).slice(0, 5).join(' ')")}"
        );
    }

    private async Task<IPage> OpenAsync(Browser browser, string route)
    {
        var address = Pages.Of(route, shop.Seller.Tenant);
        if (route == "/analytics/{TenantId}" || route.EndsWith("/match", StringComparison.Ordinal))
            address += "?period=30d";
        if (route.EndsWith("/sale", StringComparison.Ordinal))
            address += $"?id={shop.MatchedSale}";
        var page = await browser.GoAsync(address);
        if (address.Contains("period", StringComparison.Ordinal))
        {
            await page.WaitForSelectorAsync(".chart svg text");
            // A chart is drawn small until its place was measured.
            await page.WaitForFunctionAsync(
                "() => [...document.querySelectorAll('.chart')].every(chart => chart.querySelector('svg').clientWidth > 0.9 * chart.clientWidth)"
            );
        }

        return page;
    }

    /// <summary>What axe-core finds, without what is a matter of taste.</summary>
    private static async Task<IReadOnlyList<string>> BarriersAsync(IPage page)
    {
        // The page's own policy keeps strangers' scripts out; this one comes by the debugger.
        await page.EvaluateAsync(Axe);
        var found = await page.EvaluateAsync<JsonElement>(
            "async () => (await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })).violations"
        );
        return
        [
            .. found
                .EnumerateArray()
                .Where(one => one.GetProperty("impact").GetString() is "serious" or "critical")
                .Select(one =>
                    $"{one.GetProperty("id").GetString()}: {string.Join(" | ", one.GetProperty("nodes").EnumerateArray().Take(3).Select(node => node.GetProperty("html").GetString()))}"
                ),
        ];
    }
}

/// <summary>The shop, made once.</summary>
public sealed class BusyShop(EndToEnd.Tests.Browser.Chromium chromium) : IAsyncLifetime
{
    private readonly Dictionary<(bool IsStranger, string Theme, string Language, bool IsPhone), Browser> browsers = [];

    public DashboardServer Server { get; } = new(chromium);

    public Seller Seller { get; private set; } = null!;

    public string Owner { get; private set; } = "";

    public string Operator { get; private set; } = "";

    public string MatchedSale { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        await Server.InitializeAsync();
        Seller = await Server.NewSellerAsync();
        await Server.Host.Tenants.RenameTenantAsync(Seller.Tenant, "Violão Quente");
        await Server.Host.Tenants.AddFunnelAsync(Seller.Tenant, "curso-violao", "Curso de violão", gateway: "perfectpay", isDefault: true);
        var now = Server.Host.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        await Server
            .Host.Services.GetRequiredService<EventImporter>()
            .ImportAsync(new History(7, [Seller.Tenant], now.AddHours(-2), days: 61).Take(7000));

        var click = await Seller.ClickAsync(
            new
            {
                utm_source = "FB",
                utm_campaign = "violao-quente|120210998877660012",
                fbclid = "IwZXh0bgNhZW0",
            }
        );
        var order = Seller.NewOrder();
        await Seller.DeliverAsync(Seller.Sale(order, clickId: click));
        MatchedSale = $"perfectpay-{order}";
        await Server.ArrivedAsync(order);

        Server.Meta.Inject(MetaFault.Error(400, 100, 2804019) with { Pixel = Seller.PixelId });
        for (var refused = 0; refused < 3; refused++)
            await Seller.DeliverAsync(Seller.Sale(Seller.NewOrder()));
        await Server.Host.SettledAsync();
        Server.Meta.ClearFaults();
        await Seller.PostbackAsync(Seller.NewOrder(), 77);

        Operator = await Server.NewUserAsync(tenant: null, name: "Rui Operador");
        Owner = await Server.NewUserAsync(Seller.Tenant, name: "Ana Prado");
        await Server.NewUserAsync(Seller.Tenant, TenantRole.Viewer, "Bia Leitora");
        var keys = Server.Host.Services.GetRequiredService<IApiKeys>();
        await keys.RotateAsync(Seller.Tenant, (await keys.AddAsync(Seller.Tenant, "Relatórios", [ApiKeyScopes.Analytics])).Id);
        await Server.Host.SettledAsync();
    }

    /// <summary>A browser that looks at one page after the other, as people do: what it has fetched once it keeps.</summary>
    public async Task<Browser> BrowserAsync(string route, string person, string theme, string language, bool isPhone = false)
    {
        var isStranger = route is "/sign-in" or "/set-password";
        var key = (isStranger, theme, language, isPhone);
        if (!browsers.TryGetValue(key, out var browser))
            browsers[key] = browser = isStranger
                ? await Server.NewBrowserAsync(theme, language, isPhone)
                : await Server.SignedInAsync(person, theme, language, isPhone);
        browser.Complaints.Clear();
        return browser;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var browser in browsers.Values)
            await browser.DisposeAsync();
        await Server.DisposeAsync();
    }
}
