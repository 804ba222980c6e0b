using System.Net;
using System.Text;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Tracking.Tests;

/// <summary>The track endpoints are open to every browser: what keeps strangers' pages, crawlers and floods out.</summary>
public sealed class ExposureTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    private const string Shop = "https://loja.example";

    [Fact]
    public async Task Any_page_may_send_until_the_tenant_names_its_own()
    {
        var seller = await server.NewSellerAsync();

        var (status, allowed) = await SendAsync(seller, origin: "https://anywhere.example");

        status.ShouldBe(201);
        allowed.ShouldBe("https://anywhere.example");
    }

    [Theory]
    [InlineData("https://loja.example", 201)]
    [InlineData("https://www.loja.example", 403)]
    [InlineData("https://lp.cursos.example", 201)]
    [InlineData("https://a.b.cursos.example", 201)]
    [InlineData("https://cursos.example", 403)]
    [InlineData("https://evilcursos.example", 403)]
    [InlineData("https://.cursos.example", 403)]
    [InlineData("http://loja.example", 403)]
    [InlineData("https://loja.example:8443", 403)]
    [InlineData("https://loja.example.evil.example", 403)]
    [InlineData("null", 403)]
    [InlineData("", 201)]
    public async Task Only_pages_of_the_tenants_own_origins_may_send(string origin, int expected)
    {
        var seller = await server.NewSellerAsync();
        await AllowAsync(seller, Shop, "https://*.cursos.example");

        var (status, allowed) = await SendAsync(seller, origin);

        status.ShouldBe(expected);
        allowed.ShouldBe(expected == 201 && origin.Length > 0 ? origin : null);
        (await CountAsync(seller)).ShouldBe(expected == 201 ? 1 : 0);
    }

    [Fact]
    public async Task A_page_that_may_send_may_read_what_is_wrong()
    {
        var seller = await server.NewSellerAsync();
        await AllowAsync(seller, Shop);

        (await SendAsync(seller, Shop, """{"utm_source":1}""")).ShouldBe((400, Shop));
        (await SendAsync(seller, Shop, new string(' ', 20_000))).ShouldBe((413, Shop));
        (await SendAsync(seller, "https://elsewhere.example", """{"utm_source":1}""")).ShouldBe((403, null));
    }

    [Fact]
    public async Task A_browser_that_asks_first_is_told_what_it_may_send()
    {
        var seller = await server.NewSellerAsync();
        await AllowAsync(seller, Shop);

        using var allowed = await PreflightAsync($"?t={seller.Tenant}", Shop);
        allowed.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        allowed.Headers.GetValues("Access-Control-Allow-Origin").ShouldBe([Shop]);
        allowed.Headers.GetValues("Access-Control-Allow-Methods").ShouldBe(["POST"]);
        allowed.Headers.GetValues("Access-Control-Allow-Headers").ShouldHaveSingleItem().ShouldContain("x-tenant-id");

        using var refused = await PreflightAsync($"?t={seller.Tenant}", "https://elsewhere.example");
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        refused.Headers.Contains("Access-Control-Allow-Origin").ShouldBeFalse();

        // The tenant comes in a header that is not there yet: the request that follows decides.
        using var unknown = await PreflightAsync("", "https://elsewhere.example");
        unknown.Headers.GetValues("Access-Control-Allow-Origin").ShouldBe(["https://elsewhere.example"]);
    }

    [Theory]
    [InlineData("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 403)]
    [InlineData("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 403)]
    [InlineData("meta-externalagent/1.1", 403)]
    [InlineData("Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)", 403)]
    [InlineData("Mozilla/5.0 (Linux; Android 11) AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)", 403)]
    [InlineData("WhatsApp/2.23.20.0 A", 201)]
    [InlineData("Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", 201)]
    [InlineData("Mozilla/5.0 (Linux; Android 10; CUBOT_NOTE_S) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", 201)]
    [InlineData(Seller.Browser, 201)]
    [InlineData("curl/8.5.0", 201)]
    [InlineData("", 201)]
    public async Task A_crawler_is_not_recorded(string agent, int expected)
    {
        var seller = await server.NewSellerAsync();

        (await SendAsync(seller, agent: agent)).Status.ShouldBe(expected);

        (await CountAsync(seller)).ShouldBe(expected == 201 ? 1 : 0);
    }

    [Fact]
    public async Task A_flood_from_one_address_is_told_to_wait_and_others_are_not()
    {
        var seller = await server.NewSellerAsync();
        await using var host = await server.StartAnotherAsync(
            ("RateLimits:Track:PerAddressPerSecond", "1"),
            ("TrustedProxies", "127.0.0.1")
        );
        await seller.KnownToAsync(host);

        var flood = await FloodAsync(seller, host, _ => "203.0.113.9");

        flood.ShouldContain(429);
        (await SendAsync(seller, http: host.Http, address: "203.0.113.10")).Status.ShouldBe(201);
        // It is a limit, no ban.
        await Eventually.TrueAsync(
            async () => (await SendAsync(seller, http: host.Http, address: "203.0.113.9")).Status == 201,
            "the address may send again"
        );
    }

    [Fact]
    public async Task An_address_is_only_believed_from_a_trusted_proxy()
    {
        var seller = await server.NewSellerAsync();
        await using var host = await server.StartAnotherAsync(("RateLimits:Track:PerAddressPerSecond", "1"));
        await seller.KnownToAsync(host);

        var flood = await FloodAsync(seller, host, number => $"203.0.113.{number}");

        flood.ShouldContain(429, "a header that anybody may send is no new address");
    }

    [Fact]
    public async Task A_flood_for_one_tenant_leaves_the_others_alone()
    {
        var (flooded, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        await using var host = await server.StartAnotherAsync(("RateLimits:Track:PerTenantPerSecond", "1"));
        await flooded.KnownToAsync(host);
        await other.KnownToAsync(host);

        (await FloodAsync(flooded, host, _ => null)).ShouldContain(429);

        (await SendAsync(other, http: host.Http)).Status.ShouldBe(201);
    }

    [Fact]
    public async Task Who_is_told_to_wait_is_told_how_long()
    {
        var seller = await server.NewSellerAsync();
        await using var host = await server.StartAnotherAsync(("RateLimits:Track:PerTenantPerSecond", "1"));
        await seller.KnownToAsync(host);

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => seller.TrackAsync("pageview", new { }, host.Http)));

        var answer = answers.First(answer => answer.Code != 201);
        answer.Code.ShouldBe(429, answer.Text);
        answer.Headers.GetValues("Retry-After").ShouldBe(["1"]);
        answer.Json.GetProperty("title").GetString().ShouldBe("Too many visits");
    }

    [Fact]
    public void However_many_addresses_there_are_they_share_a_bounded_number_of_buckets()
    {
        var buckets = Enumerable
            .Range(0, 200_000)
            .Select(number => AddressBuckets.Of(new IPAddress([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number])))
            .ToHashSet();

        buckets.Count.ShouldBeInRange(16_000, 16_384);
    }

    [Fact]
    public void Addresses_of_one_IPv6_network_are_one_address() =>
        AddressBuckets
            .Of(IPAddress.Parse("2001:db8:1:2::1"))
            .ShouldBe(AddressBuckets.Of(IPAddress.Parse("2001:db8:1:2:ffff:ffff:ffff:ffff")));

    /// <summary>All at once: one after the other they would come no faster than a slow machine answers.</summary>
    private async Task<List<int>> FloodAsync(Seller seller, TrackAiHost host, Func<int, string?> addressOf)
    {
        var answers = await Task.WhenAll(
            Enumerable.Range(1, 60).Select(number => SendAsync(seller, http: host.Http, address: addressOf(number)))
        );
        return [.. answers.Select(answer => answer.Status)];
    }

    private async Task AllowAsync(Seller seller, params string[] origins)
    {
        await server.Host.Tenants.SetOriginsAsync(seller.Tenant, origins);
        await Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Directory.Find(seller.Tenant)!.Origins.Count == origins.Length),
            "the origins are known"
        );
    }

    private async Task<(int Status, string? Allowed)> SendAsync(
        Seller seller,
        string origin = "",
        string body = "{}",
        string agent = Seller.Browser,
        HttpClient? http = null,
        string? address = null
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/track/click?t={seller.Tenant}")
        {
            Content = new StringContent(body, Encoding.UTF8, "text/plain"),
        };
        if (origin.Length > 0)
            request.Headers.TryAddWithoutValidation("Origin", origin);
        if (agent.Length > 0)
            request.Headers.TryAddWithoutValidation("User-Agent", agent);
        if (address is not null)
            request.Headers.Add("X-Forwarded-For", address);
        var answer = await seller.SendAsync(request, http);
        return (answer.Code, answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var allowed) ? allowed.Single() : null);
    }

    private async Task<HttpResponseMessage> PreflightAsync(string query, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, $"/api/v1/track/click{query}");
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "x-tenant-id");
        return await server.Host.Http.SendAsync(request);
    }

    private Task<long> CountAsync(Seller seller) =>
        server.Database.ScalarAsync<long>("select count(*) from mt_events where tenant_id = $1 and type = 'click_captured'", seller.Tenant);
}
