using Microsoft.Playwright;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests.Browser;

/// <summary>The pixel where the network, the browser or the visitor says no.</summary>
public sealed class PixelTroubleTests(Shop shop) : IClassFixture<Shop>
{
    private const string Buy = """<a id="buy" href="https://go.perfectpay.com.br/PPU38CN1">Comprar</a>""";

    [Fact]
    public async Task What_happens_offline_is_sent_once_when_the_network_is_back()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), Buy));
        await shop.StoredAsync(seller, "click_captured", "pageview_captured");

        await visitor.Context.SetOfflineAsync(true);
        await page.EvaluateAsync("trackai('initiate_checkout', { product_id: 'curso-1' })");
        await page.EvaluateAsync("history.pushState(null, '', '/obrigado')");
        await visitor.Context.SetOfflineAsync(false);

        await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated", "pageview_captured");
        await Eventually.TrueAsync(async () => await QueueAsync(page) == 0, "nothing is kept that arrived");
    }

    [Fact]
    public async Task What_a_page_could_not_send_the_next_one_sends_and_says_when_it_was()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var url = shop.Publish(shop.Tag(seller), Buy);
        await visitor.Context.RouteAsync("**/api/v1/track/**", route => route.AbortAsync());
        var page = await visitor.OpenAsync(url + "?fbclid=IwAbC");
        await page.EvaluateAsync("trackai('initiate_checkout', { email: 'ana@exemplo.com.br', value: 10, currency: 'BRL' })");
        await Eventually.TrueAsync(async () => await QueueAsync(page) == 3, "three visits wait");
        (await page.EvaluateAsync<string>("JSON.stringify(localStorage)")).ShouldNotContain("ana@");
        // The visits were an hour ago.
        await page.EvaluateAsync(
            "Object.keys(localStorage).forEach(key => { const item = JSON.parse(localStorage[key]); item[2] -= 36e5; localStorage[key] = JSON.stringify(item) })"
        );
        // Nor does the last beacon get through.
        await page.EvaluateAsync("navigator.sendBeacon = () => false");
        await page.CloseAsync();

        await visitor.Context.UnrouteAllAsync();
        page = await visitor.OpenAsync(url);

        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated", "pageview_captured");
        var click = visits.Single(visit => visit.Type == "click_captured");
        click
            .Json.GetProperty("occurredAt")
            .GetDateTimeOffset()
            .ShouldBeLessThan(TimeProvider.System.GetUtcNow() - TimeSpan.FromMinutes(59));
        visits.Select(visit => visit.Text("clickId")).Distinct().ShouldHaveSingleItem();
        await Eventually.TrueAsync(async () => await QueueAsync(page) == 0, "nothing is kept that arrived");
    }

    [Fact]
    public async Task What_is_not_confirmed_when_the_visitor_leaves_goes_out_with_a_beacon()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        await visitor.Context.RouteAsync(
            "**/api/v1/track/**",
            route => route.Request.ResourceType == "fetch" ? route.AbortAsync() : route.ContinueAsync()
        );
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), Buy));
        (await shop.VisitsAsync(seller)).ShouldBeEmpty();

        await page.GotoAsync("about:blank");

        await shop.StoredAsync(seller, "click_captured", "pageview_captured");
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task A_host_that_cannot_take_it_now_is_asked_again(int status)
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var refused = 0;
        await visitor.Context.RouteAsync(
            "**/api/v1/track/**",
            async route =>
            {
                if (Interlocked.Increment(ref refused) <= 2)
                    await route.FulfillAsync(
                        new()
                        {
                            Status = status,
                            Headers = new Dictionary<string, string>(StringComparer.Ordinal) { ["Access-Control-Allow-Origin"] = "*" },
                        }
                    );
                else
                    await route.ContinueAsync();
            }
        );

        await visitor.OpenAsync(shop.Publish(shop.Tag(seller), Buy));

        await shop.StoredAsync(seller, "click_captured", "pageview_captured");
    }

    [Fact]
    public async Task What_the_host_refuses_for_good_is_not_sent_again()
    {
        var seller = await shop.NewSellerAsync();
        await shop.Host.Tenants.SetOriginsAsync(seller.Tenant, ["https://somebody-else.example"]);
        await Eventually.TrueAsync(
            () => Task.FromResult(shop.Host.Directory.Find(seller.Tenant)!.Origins.Count == 1),
            "the origins are known"
        );
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), Buy));
        await shop.Host.Tenants.SetOriginsAsync(seller.Tenant, [new Uri(page.Url).GetLeftPart(UriPartial.Authority)]);
        await Eventually.TrueAsync(
            () =>
                Task.FromResult(
                    shop.Host.Directory.Find(seller.Tenant)!.Origins[0].StartsWith("http://www.loja", StringComparison.Ordinal)
                ),
            "the origins are known"
        );

        // This one the page may read.
        await page.EvaluateAsync("trackai('initiate_checkout', { value: 'a lot', currency: 'BRL' })");

        await Eventually.TrueAsync(
            async () =>
                (await page.EvaluateAsync<string>("JSON.stringify(localStorage)")).Contains("a lot", StringComparison.Ordinal) is false,
            "what is wrong is not kept"
        );
        (await shop.VisitsAsync(seller)).ShouldNotContain(visit => visit.Type == "checkout_initiated");
    }

    [Fact]
    public async Task Without_cookies_and_storage_the_page_works_and_so_does_the_pixel()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var inner = shop.Publish(shop.Tag(seller), Buy) + "?fbclid=IwAbC";
        // An origin of its own, to which the browser denies cookies and storage.
        var page = await visitor.Context.NewPageAsync();
        await page.GotoAsync(shop.Publish("", $"<iframe sandbox='allow-scripts' src='{inner}'></iframe>"));

        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured");

        visits.ShouldAllBe(visit => visit.Text("has", "fbc") == "True" && visit.Text("has", "fbp") == "True");
        var frame = page.FrameByUrl(inner)!;
        (await frame.EvaluateAsync<string>("() => { try { return document.cookie } catch (error) { return error.name } }")).ShouldBe(
            "SecurityError"
        );
        await frame.WaitForSelectorAsync($"#buy[href*='src={visits[0].Text("clickId")}']");
    }

    [Fact]
    public async Task With_cookies_off_the_browsers_storage_remembers()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        await visitor.Context.AddInitScriptAsync("Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} })");
        var url = shop.Publish(shop.Tag(seller), Buy);

        var page = await visitor.OpenAsync(url + "?fbclid=IwAbC");
        await shop.StoredAsync(seller, "click_captured", "pageview_captured");
        await page.GotoAsync(url);

        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "pageview_captured");
        visits.ShouldAllBe(visit => visit.Text("has", "fbc") == "True");
        visits.Select(visit => visit.Text("clickId")).Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Who_declined_leaves_nothing_in_the_browser_and_is_never_sent_to_Meta()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller, "data-consent=false"), Buy) + "?fbclid=IwAbC&utm_source=FB");

        await page.ClickAsync("#buy");
        await page.AtAsync("https://go.perfectpay.com.br/*");

        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated");
        visits.ShouldAllBe(visit =>
            visit.Text("consent") == "False" && visit.Text("has", "fbc") == "False" && visit.Text("has", "fbp") == "False"
        );
        visits.ShouldAllBe(visit => visit.Text("has", "fbclid") == "False");
        (await visitor.Context.CookiesAsync()).ShouldBeEmpty();
        (await visitor.Context.StorageStateAsync()).ShouldNotContain("_tka");
        // The sale is known and reaches nobody.
        var order = seller.NewOrder();
        (await seller.PostbackAsync(order, 2, page.Url.Split("src=")[1])).Code.ShouldBe(202);
        await shop.Host.SettledAsync();
        shop.AtMeta(order).ShouldBeEmpty();
        (await shop.Database.ScalarAsync<string>("select dispatch_reason from conversion where tenant_id = $1", seller.Tenant)).ShouldBe(
            "no_consent"
        );
    }

    [Fact]
    public async Task Who_is_asked_first_is_not_followed_before_the_answer()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var asked = new List<string>();
        visitor.Context.Request += (_, request) => asked.Add(request.Url);
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller, "data-consent=wait"), Buy) + "?fbclid=IwAbC");

        await page.EvaluateAsync("trackai('initiate_checkout', { product_id: 'curso-1' })");
        (await visitor.Context.CookiesAsync()).ShouldBeEmpty();
        asked.ShouldNotContain(url => url.Contains("/track/", StringComparison.Ordinal));
        (await page.GetAttributeAsync("#buy", "href")).ShouldNotBeNull().ShouldNotContain("tk1_");

        await page.EvaluateAsync("trackai('consent', true)");
        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated");
        visits.ShouldAllBe(visit => visit.Text("consent") == "True" && visit.Text("has", "fbc") == "True");
    }

    [Fact]
    public async Task Who_changes_their_mind_is_forgotten_and_may_change_it_back()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), Buy) + "?fbclid=IwAbC");
        await shop.StoredAsync(seller, "click_captured", "pageview_captured");
        (await visitor.CookieAsync("_fbc")).ShouldNotBeNull();

        await page.EvaluateAsync("trackai('consent', false)");
        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "pageview_captured");
        visits[^1].Text("consent").ShouldBe("False");
        visits[^1].Text("clickId").ShouldBe(visits[0].Text("clickId"), "the word is about the same visitor");
        (await visitor.Context.CookiesAsync()).ShouldBeEmpty();

        await page.EvaluateAsync("trackai('consent', true)");
        await shop.StoredAsync(seller, "click_captured", "pageview_captured", "pageview_captured", "click_captured", "pageview_captured");
        visits = await shop.VisitsAsync(seller);
        visits[^1].Text("consent").ShouldBe("True");
        visits[^1].Text("clickId").ShouldNotBe(visits[0].Text("clickId"));
    }

    private static Task<int> QueueAsync(IPage page) =>
        page.EvaluateAsync<int>("Object.keys(localStorage).filter(key => key.startsWith('_tkaq')).length");
}
