using System.Text.RegularExpressions;
using Microsoft.Playwright;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests.Browser;

/// <summary>The pixel on a seller's page, in a real browser.</summary>
public sealed partial class PixelTests(Shop shop) : IClassFixture<Shop>
{
    private const string Fbclid = "IwZXh0bgNhZW0BMABhZGlkAasV-BzT_aem_Q9fLkT";
    private const string Buy = """<a id="buy" href="https://go.perfectpay.com.br/PPU38CN1?utm_source=bio">Comprar</a>""";

    [Theory]
    [InlineData("hotmart", "https://pay.hotmart.com/A1?off=x", "xcod")]
    [InlineData("hotmart", "https://pay.hotmart.com/A1?xcod=FBhQwK21wXxRad&sck=FBhQwK21wXxRad", "sck")]
    [InlineData("kiwify", "https://pay.kiwify.com.br/K1?s1=afiliado", "s2")]
    [InlineData("perfectpay", "https://go.perfectpay.com.br/P1?src=bio", "src")]
    [InlineData("stripe", "https://buy.stripe.com/test_1", "client_reference_id")]
    public async Task From_the_ad_by_the_checkouts_link_and_the_webhook_to_Meta(string gateway, string checkout, string slot)
    {
        var seller = await shop.NewSellerAsync(gateway);
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(
            $"{shop.Publish(shop.Tag(seller), $"<a id=buy href='{checkout}'>Comprar</a>")}?fbclid={Fbclid}&utm_source=FB&utm_campaign=violao|120210998877660012"
        );

        await page.ClickAsync("#buy");
        await page.AtAsync($"https://{new Uri(checkout).Host}/*");

        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated");
        var click = visits.Single(visit => visit.Type == "click_captured");
        var token = click.Text("clickId");
        System.Web.HttpUtility.ParseQueryString(new Uri(page.Url).Query)[slot].ShouldNotBeNull().ShouldEndWith(token);
        click.Text("campaign", "utmSource").ShouldBe("FB");
        click.Text("campaign", "utmCampaign").ShouldBe("violao|120210998877660012");
        visits.ShouldAllBe(visit =>
            visit.Text("clickId") == token && visit.Text("has", "fbc") == "True" && visit.Text("has", "fbp") == "True"
        );

        var (order, answer) = await Checkout.SellAsync(gateway, seller, page.Url);
        answer.Code.ShouldBe(202, answer.Text);
        var purchase = (await shop.ArrivedAsync(order)).Event.GetProperty("user_data");
        purchase.GetProperty("fbc").GetString().ShouldBe(await visitor.CookieAsync("_fbc"));
        purchase.GetProperty("fbp").GetString().ShouldBe(await visitor.CookieAsync("_fbp"));
        purchase.GetProperty("client_ip_address").GetString().ShouldBe("127.0.0.1");
        purchase.GetProperty("client_user_agent").GetString().ShouldBe(await page.EvaluateAsync<string>("navigator.userAgent"));
        visitor.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Metas_cookies_follow_Metas_rules()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var url = shop.Publish(shop.Tag(seller), Buy);

        var page = await visitor.OpenAsync(url);
        (await visitor.CookieAsync("_fbc")).ShouldBeNull("it is never invented");
        var fbp = (await visitor.CookieAsync("_fbp")).ShouldNotBeNull();
        Fbp().IsMatch(fbp).ShouldBeTrue(fbp);

        await page.GotoAsync($"{url}?fbclid={Fbclid}");
        await Eventually.TrueAsync(async () => await visitor.CookieAsync("_fbc") is not null, "the cookie is kept");
        var cookie = (await visitor.Context.CookiesAsync()).Single(cookie => cookie.Name == "_fbc");
        Contracts.Fbc.FbclidOf(cookie.Value).ShouldBe(Fbclid, "case and all");
        cookie.Value.ShouldStartWith("fb.1.");
        cookie.Domain.ShouldBe(".loja.example", "the shop's other hosts see it");
        (
            cookie.Expires - DateTimeOffset.UnixEpoch.AddMilliseconds(long.Parse(cookie.Value.Split('.')[2], null)).ToUnixTimeSeconds()
        ).ShouldBe(90 * 24 * 3600, Eventually.Patience.TotalSeconds, "from the click on, but for what the machine takes in between");

        // The same click again keeps the time it was first seen; another click is another cookie. The browser's own id stays.
        await page.GotoAsync($"{url}?fbclid={Fbclid}&utm_source=again");
        await shop.StoredAsync(
            seller,
            "click_captured",
            "pageview_captured",
            "click_captured",
            "pageview_captured",
            "click_captured",
            "pageview_captured"
        );
        (await visitor.CookieAsync("_fbc")).ShouldBe(cookie.Value);
        await page.GotoAsync($"{Shop.At(url, "pv.loja.example")}?fbclid=IwAnother");
        await Eventually.TrueAsync(
            async () => (await visitor.CookieAsync("_fbc"))!.EndsWith(".IwAnother", StringComparison.Ordinal),
            "it is replaced"
        );
        (await visitor.CookieAsync("_fbp")).ShouldBe(fbp);
    }

    [Theory]
    [InlineData("fb.1.1731000000000.IwAbC")]
    [InlineData("fb.2.1731000000000.IwAbC.AQ")]
    public async Task A_cookie_that_Metas_own_scripts_set_is_kept(string fbc)
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        await visitor.Context.AddCookiesAsync([
            new Cookie
            {
                Name = "_fbc",
                Value = fbc,
                Domain = ".loja.example",
                Path = "/",
            },
            new Cookie
            {
                Name = "_fbp",
                Value = "fb.1.1731000000000.1098115397.Bg",
                Domain = ".loja.example",
                Path = "/",
            },
        ]);

        await visitor.OpenAsync(shop.Publish(shop.Tag(seller), Buy) + "?fbclid=IwAbC");

        await shop.StoredAsync(seller, "click_captured", "pageview_captured");
        (await visitor.CookieAsync("_fbc")).ShouldBe(fbc);
        (await visitor.CookieAsync("_fbp")).ShouldBe("fb.1.1731000000000.1098115397.Bg");
    }

    [Fact]
    public async Task The_tokens_that_the_browser_mints_are_click_tokens()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), ""));
        await page.RouteAsync("**/api/v1/track/**", route => route.AbortAsync());

        var links = await page.EvaluateAsync<string[]>(
            """
            () => [...Array(300).keys()].map(number => {
              history.pushState(null, '', '?utm_term=' + number);
              return trackai.link('https://pay.hotmart.com/A1');
            })
            """
        );

        var tokens = links.Select(link => link.Split("xcod=")[1]).ToArray();
        tokens.ShouldAllBe(token => token.Length == 21 && ClickToken.IsValid(token));
        tokens.ShouldBeUnique();
        // Every letter of the alphabet comes, so no place of it was lost.
        string.Concat(tokens.Select(token => token[4..20])).Distinct().Count().ShouldBe(62);
    }

    [Fact]
    public async Task A_page_that_is_seen_again_is_another_pageview_of_the_same_click()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var url = shop.Publish(shop.Tag(seller), Buy);

        var page = await visitor.OpenAsync($"{url}?fbclid={Fbclid}");
        await shop.StoredAsync(seller, "click_captured", "pageview_captured");
        await page.ReloadAsync();
        await shop.StoredAsync(seller, "click_captured", "pageview_captured", "pageview_captured");
        await page.GotoAsync(Shop.At(url, "loja.example"));
        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "pageview_captured", "pageview_captured");

        visits.Select(visit => visit.Text("clickId")).Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_single_page_application_has_a_pageview_for_each_of_its_pages()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), Buy));
        await shop.StoredAsync(seller, "click_captured", "pageview_captured");

        await page.EvaluateAsync("history.pushState({ n: 1 }, '', '/oferta')");
        await shop.StoredAsync(seller, "click_captured", "pageview_captured", "pageview_captured");
        (await page.EvaluateAsync<int>("history.state.n")).ShouldBe(1, "the page's own call did what it does");
        // A router that writes its state down, and an anchor, are no pages.
        await page.EvaluateAsync("history.replaceState({ n: 2 }, '', location.href); location.hash = 'preco'");
        await page.GoBackAsync();
        await page.GoBackAsync();
        await shop.StoredAsync(seller, "click_captured", "pageview_captured", "pageview_captured", "pageview_captured");
        visitor.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_script_that_is_loaded_twice_works_once()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller) + shop.Tag(seller), Buy + shop.Tag(seller)));

        await page.ClickAsync("#buy");
        await page.AtAsync("https://go.perfectpay.com.br/*");

        page.Url.Split("tk1_").Length.ShouldBe(2);
        await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated");
        visitor.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_tag_manager_that_drops_attributes_keeps_the_query()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();

        await visitor.OpenAsync(
            shop.Publish(
                $$"""<script>let tag = document.createElement('script'); tag.src = '{{shop.Host.Url}}/track.js?t={{seller.Tenant}}'; document.head.append(tag);</script>""",
                Buy
            )
        );

        await shop.StoredAsync(seller, "click_captured", "pageview_captured");
    }

    [Fact]
    public async Task What_the_page_says_before_the_script_is_there_is_heard()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();

        await visitor.OpenAsync(
            shop.Publish(
                """
                <script>
                  window.trackai = window.trackai || function () { (trackai.q = trackai.q || []).push(arguments) };
                  trackai('initiate_checkout', { email: 'ana@exemplo.com.br', product_id: 'curso-1', value: 297.5, currency: 'BRL' });
                </script>
                """ + shop.Tag(seller),
                ""
            )
        );

        var visits = await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated");
        var checkout = visits.Single(visit => visit.Type == "checkout_initiated");
        checkout.Text("productId").ShouldBe("curso-1");
        checkout.Text("value", "amount").ShouldBe("297.5");
        checkout.Text("has", "email").ShouldBe("True");
    }

    [GeneratedRegex(@"^fb\.1\.[0-9]{13}\.[0-9]+$", RegexOptions.None, 60_000)]
    private static partial Regex Fbp();
}
