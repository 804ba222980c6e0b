using TrackAi.Contracts;

namespace TrackAi.EndToEnd.Tests.Browser;

/// <summary>Where the pixel puts the click token: into a parameter that the gateway sends back, and never in the place of somebody else's value.</summary>
public sealed class CheckoutLinkTests(Shop shop) : IClassFixture<Shop>
{
    private const string Packed = "FBhQwK21wXxRcamp|12hQwK21wXxRset|34hQwK21wXxRad|56hQwK21wXxRfeed";

    /// <summary>TOKEN stands for the click token.</summary>
    public static readonly TheoryData<string, string> Links = new()
    {
        // A free parameter is taken.
        { "https://pay.hotmart.com/A1?off=x", "https://pay.hotmart.com/A1?off=x&xcod=TOKEN" },
        { "https://pay.kiwify.com.br/K1", "https://pay.kiwify.com.br/K1?s1=TOKEN" },
        { "https://go.perfectpay.com.br/P1?", "https://go.perfectpay.com.br/P1?src=TOKEN" },
        {
            "https://buy.stripe.com/test_1?prefilled_email=a%40b.c",
            "https://buy.stripe.com/test_1?prefilled_email=a%40b.c&client_reference_id=TOKEN"
        },
        { "https://go.perfectpay.com.br/P1?src=&v=2", "https://go.perfectpay.com.br/P1?v=2&src=TOKEN" },
        // UTMify has taken xcod and sck.
        { $"https://pay.hotmart.com/A1?xcod={Packed}", $"https://pay.hotmart.com/A1?xcod={Packed}&sck=TOKEN" },
        {
            $"https://pay.hotmart.com/A1?xcod={Packed}&sck={Packed}",
            $"https://pay.hotmart.com/A1?xcod={Packed}&sck={Uri.EscapeDataString(Packed)}hQwK21wXxRTOKEN"
        },
        { "https://pay.hotmart.com/A1?sck=FB|1|2&xcod=x", "https://pay.hotmart.com/A1?xcod=x&sck=FB%7C1%7C2%7CTOKEN" },
        // A seller's own value stays.
        { "https://pay.kiwify.com.br/K1?s1=afiliado", "https://pay.kiwify.com.br/K1?s1=afiliado&s2=TOKEN" },
        { "https://pay.kiwify.com.br/K1?s1=a&s2=b&s3=c", "https://pay.kiwify.com.br/K1?s1=a&s2=b&s3=c%7CTOKEN" },
        { "https://go.perfectpay.com.br/P1?src=bio", "https://go.perfectpay.com.br/P1?src=bio%7CTOKEN" },
        { "https://buy.stripe.com/1?client_reference_id=user-7", "https://buy.stripe.com/1?client_reference_id=user-7_TOKEN" },
        // Nothing else of the link is touched.
        {
            "https://pay.hotmart.com/A1?utm_source=FB&utm_content=ad|77&name=S%C3%A3o+Paulo#comprar",
            "https://pay.hotmart.com/A1?utm_source=FB&utm_content=ad|77&name=S%C3%A3o+Paulo&xcod=TOKEN#comprar"
        },
        // A token of an earlier click makes way.
        { "https://pay.hotmart.com/A1?sck=a|tk1_0123456789ABCDEFx", "https://pay.hotmart.com/A1?sck=a|TOKEN" },
    };

    [Fact]
    public async Task The_token_goes_into_a_free_parameter_or_behind_what_is_there()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();

        var page = await visitor.OpenAsync(
            shop.Publish(shop.Tag(seller), string.Concat(Links.Select(link => $"<a href='{link.Data.Item1}'>Comprar</a>")))
        );
        var token = (await shop.StoredAsync(seller, "click_captured", "pageview_captured"))[0].Text("clickId");

        var hrefs = await page.EvaluateAsync<string[]>("[...document.links].map(link => link.href)");
        hrefs.ShouldBe(Links.Select(link => link.Data.Item2.Replace("TOKEN", token, StringComparison.Ordinal)));
        // What a checkout sends back is found there, whatever surrounds it.
        foreach (var href in hrefs)
            ClickToken.FindAll(Uri.UnescapeDataString(new Uri(href).Query)).ShouldBe([token]);
    }

    [Theory]
    [InlineData("https://www.instagram.com/loja")]
    [InlineData("https://hotmart.com.golpe.example/A1")]
    [InlineData("https://nothotmart.com/A1")]
    [InlineData("https://loja.example/?to=pay.hotmart.com")]
    [InlineData("mailto:ana@exemplo.com.br")]
    [InlineData("tel:+5511987654321")]
    [InlineData("javascript:void(0)")]
    public async Task A_link_to_somewhere_else_stays_as_it_is(string href)
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(
            shop.Publish(shop.Tag(seller), $"<a id=it href='{href}'>x</a><a href=https://pay.hotmart.com/1>y</a>")
        );
        await page.WaitForSelectorAsync("a[href*=tk1_]");

        (await page.GetAttributeAsync("#it", "href")).ShouldBe(href);
    }

    [Fact]
    public async Task A_value_that_Stripe_would_drop_for_its_length_is_left_alone()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var href = $"https://buy.stripe.com/1?client_reference_id={new string('a', 190)}";
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), ""));

        (await page.EvaluateAsync<string>("href => trackai.link(href)", href)).ShouldBe(href);
    }

    [Fact]
    public async Task A_checkout_on_a_domain_of_the_sellers_own_is_named_by_the_page()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(
            shop.Publish(shop.Tag(seller), "<a id=it data-trackai=buy.stripe.com href=https://pague.loja.example/b>x</a>")
        );

        await page.WaitForSelectorAsync("#it[href*='client_reference_id=tk1_']");
    }

    [Fact]
    public async Task A_link_that_comes_later_is_decorated_too()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), "<div id=root></div>"));

        await page.EvaluateAsync("root.innerHTML = '<p><a href=https://pay.kiwify.com.br/K1>Comprar</a></p>'");

        await page.WaitForSelectorAsync("a[href*='s1=tk1_']");
    }

    [Fact]
    public async Task A_script_that_rewrites_the_link_afterwards_does_not_lose_the_click()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(shop.Publish(shop.Tag(seller), "<a id=buy href=https://pay.hotmart.com/A1>Comprar</a>"));
        await page.WaitForSelectorAsync("#buy[href*='xcod=tk1_']");

        // As UTMify does.
        await page.EvaluateAsync($"buy.href = 'https://pay.hotmart.com/A1?xcod={Packed}&sck={Packed}'");
        await page.ClickAsync("#buy");
        await page.AtAsync("https://pay.hotmart.com/*");

        page.Url.ShouldContain($"xcod={Packed}");
        page.Url.ShouldContain("hQwK21wXxRtk1_");
    }

    [Fact]
    public async Task A_link_that_opens_another_window_begins_one_checkout_however_often_it_is_pressed()
    {
        var seller = await shop.NewSellerAsync();
        await using var visitor = await shop.NewVisitorAsync();
        var page = await visitor.OpenAsync(
            shop.Publish(
                shop.Tag(seller),
                "<a id=buy target=_blank href=https://pay.hotmart.com/A1><b>Comprar</b></a><a id=other href=#>Mais</a>"
            )
        );
        await page.EvaluateAsync("buy.addEventListener('click', event => event.preventDefault())");

        await page.ClickAsync("#other");
        await page.ClickAsync("#buy b");
        await page.ClickAsync("#buy b");

        await shop.StoredAsync(seller, "click_captured", "pageview_captured", "checkout_initiated");
    }
}
