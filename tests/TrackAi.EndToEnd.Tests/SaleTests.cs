using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>What becomes of a sale, from the gateway to Meta.</summary>
public sealed class SaleTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_pix_is_sent_when_it_is_paid_and_once()
    {
        var seller = await server.NewSellerAsync();
        var click = await seller.ClickAsync();
        var order = seller.NewOrder();

        (await seller.PostbackAsync(order, 1, click)).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldBeEmpty("nothing is paid yet");
        (await StateAsync(seller, order)).ShouldBe("pending");
        (await seller.PostbackAsync(order, 2, click)).IsDuplicate.ShouldBeFalse();
        (await seller.PostbackAsync(order, 10, click)).IsDuplicate.ShouldBeTrue("complete is no new sale");
        (await seller.PostbackAsync(order, 1, click)).IsDuplicate.ShouldBeTrue("a late pending takes nothing back");

        await server.Host.SettledAsync();
        var purchase = server.AtMeta(order).ShouldHaveSingleItem();
        purchase.Times.ShouldBe(1);
        purchase.Event.GetProperty("user_data").TryGetProperty("fbc", out _).ShouldBeTrue("the click's cookie comes with the sale");
        (await StateAsync(seller, order)).ShouldBe("approved");
        (await CountAsync("match_log", seller)).ShouldBe(1);
        (await CountAsync("dispatch_attempt", seller)).ShouldBe(1);
    }

    [Fact]
    public async Task A_refund_stays_inside_and_a_second_approval_is_not_sent_again()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();

        foreach (var status in (int[])[2, 7, 2])
            (await seller.PostbackAsync(order, status)).IsDuplicate.ShouldBe(false);

        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
        (await StateAsync(seller, order)).ShouldBe("approved");
    }

    [Fact]
    public async Task A_click_that_comes_after_its_sale_was_sent_is_joined_to_it_told_and_not_sent_again()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var sale = Seller.Sale(order);
        sale["fbp"] = "fb.1.1793890500123.5000000001";
        (await seller.DeliverAsync(sale)).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        (await CountAsync("match_log", seller, "and not matched and cause = 'no_click_token'")).ShouldBe(1);
        server.AtMeta(order).ShouldHaveSingleItem();

        // The browser had no network for ten minutes.
        var late = await seller.TrackAsync("click", new { fbp = "fb.1.1793890500123.5000000001", age_ms = 600_000 });
        late.Code.ShouldBe(201);
        await server.Host.SettledAsync();

        (await CountAsync("match_log", seller, "and matched and match_rule = 'fbp' and reopened_by = 'late_click'")).ShouldBe(1);
        (await CountAsync("match_log", seller)).ShouldBe(2);
        (await CountAsync("dispatch_attempt", seller)).ShouldBe(1);
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task A_pix_whose_token_only_the_second_delivery_brings_is_joined_to_its_click()
    {
        var seller = await server.NewSellerAsync();
        var click = await seller.ClickAsync();
        var order = seller.NewOrder();

        await seller.PostbackAsync(order, 1);
        await server.Host.SettledAsync();
        await seller.PostbackAsync(order, 2, click);
        await server.Host.SettledAsync();

        (await CountAsync("match_log", seller, "and matched and match_rule = 'click_token' and reopened_by = 'second_delivery'")).ShouldBe(
            1
        );
        (await CountAsync("dispatch_attempt", seller)).ShouldBe(1);
    }

    [Theory]
    [InlineData("pending")]
    [InlineData("rejected")]
    [InlineData("refunded")]
    [InlineData("chargeback")]
    public async Task What_was_never_paid_is_never_sent(string status)
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();

        (await seller.DeliverAsync(Seller.Sale(order, status))).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldBeEmpty();
        (await CountAsync("conversion", seller)).ShouldBe(1);
    }

    [Fact]
    public async Task An_unmatched_sale_is_sent_as_system_generated()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();

        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);

        var purchase = await server.ArrivedAsync(order);
        purchase.Event.GetProperty("action_source").GetString().ShouldBe("system_generated");
        await server.Host.SettledAsync();
        (await CountAsync("match_log", seller, "and not matched")).ShouldBe(1);
    }

    [Fact]
    public async Task A_matched_sale_is_sent_as_a_website_sale_with_what_the_browser_showed()
    {
        var seller = await server.NewSellerAsync();
        var click = await seller.ClickAsync(
            new
            {
                fbclid = "IwZXh0bgNhZW0BMEXEMPLO",
                fbp = "fb.1.1793890500123.1432567890",
                event_source_url = "https://exemplo.com.br/oferta",
            }
        );
        var order = seller.NewOrder();

        (await seller.PostbackAsync(order, 2, click)).Code.ShouldBe(202);

        var purchase = await server.ArrivedAsync(order);
        purchase.Event.GetProperty("action_source").GetString().ShouldBe("website");
        var user = purchase.Event.GetProperty("user_data");
        user.GetProperty("fbp").GetString().ShouldBe("fb.1.1793890500123.1432567890");
        user.GetProperty("fbc").GetString().ShouldNotBeNull().ShouldEndWith(".IwZXh0bgNhZW0BMEXEMPLO");
        user.GetProperty("em").EnumerateArray().Select(hash => hash.GetString()!.Length).ShouldAllBe(length => length == 64);
        purchase.Json.ShouldNotContain("exemplo.com.br\"", Case.Insensitive);
    }

    [Fact]
    public async Task A_click_after_the_sale_or_of_another_tenant_is_not_its_click()
    {
        var (seller, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        var foreign = await other.ClickAsync();
        var order = seller.NewOrder();

        (await seller.DeliverAsync(Seller.Sale(order, clickId: foreign))).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        (await CountAsync("match_log", seller, "and matched")).ShouldBe(0);
        (await CountAsync("match_log", seller)).ShouldBe(1);
    }

    [Fact]
    public async Task A_sale_goes_to_the_pixel_of_its_funnel()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.Tenants.SetPixelAsync(seller.Tenant, "777000111222333", seller.Token);
        await server.Host.Tenants.AddFunnelAsync(
            seller.Tenant,
            "violao",
            gateway: "perfectpay",
            productId: "PPPB0AQX",
            pixelId: "777000111222333"
        );
        await Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Directory.RoutePixels(seller.Tenant, "perfectpay", "PPPB0AQX") is ["777000111222333"]),
            "the funnel is known"
        );
        var order = seller.NewOrder();

        (await seller.PostbackAsync(order, 2)).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Pixel.ShouldBe("777000111222333");
    }

    [Fact]
    public async Task The_document_of_the_API_lists_its_endpoints()
    {
        var document = JsonElement.Parse(await server.Host.Http.GetStringAsync("/openapi/v1.json"));

        document.GetProperty("openapi").GetString().ShouldNotBeNull().ShouldStartWith("3.");
        var paths = document.GetProperty("paths");
        foreach (
            var (method, path, codes) in ((string, string, string[])[])
                [
                    ("post", "/api/v1/track/click", ["201", "400", "403", "404", "413", "503"]),
                    ("post", "/api/v1/track/pageview", ["201"]),
                    ("post", "/api/v1/track/initiate_checkout", ["201"]),
                    ("post", "/api/v1/webhooks/{gateway}/{tenantId}", ["202", "400", "401", "403", "404", "413", "415", "503"]),
                    ("get", "/health", ["200", "503"]),
                    ("get", "/health/live", ["200"]),
                    ("get", "/health/ready", ["200", "503"]),
                    ("get", "/api/v1/analytics/dispatch-summary", ["200"]),
                    ("get", "/api/v1/analytics/match-rate", ["200"]),
                    ("get", "/api/v1/analytics/conversions", ["200"]),
                    ("get", "/api/v1/analytics/conversions/{id}/timeline", ["200"]),
                    ("get", "/api/v1/analytics/dead-letters", ["200"]),
                ]
        )
        {
            paths.TryGetProperty(path, out var operations).ShouldBeTrue(path);
            var responses = operations.GetProperty(method).GetProperty("responses");
            codes.Except(responses.EnumerateObject().Select(response => response.Name)).ShouldBeEmpty($"{method} {path}: {responses}");
        }
    }

    [Fact]
    public async Task The_address_of_a_visitor_is_the_one_our_own_proxies_name()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.Tenants.SetAllowListAsync(seller.Tenant, "perfectpay", ["203.0.113.9"]);
        await using var host = await server.StartAnotherAsync(("TrustedProxies", "127.0.0.1, 10.0.0.0/8"));
        await Eventually.TrueAsync(
            () => Task.FromResult(host.Directory.FindConnection(seller.Tenant, "perfectpay")?.AllowedNetworks.Count == 1),
            "the allow list is known"
        );

        (await DeliverFromAsync("203.0.113.9, 10.0.0.5")).ShouldBe(202);
        (await DeliverFromAsync("203.0.113.9, 198.51.100.7")).ShouldBe(
            403,
            "what stands before a stranger's address is the stranger's word"
        );
        (await DeliverFromAsync("198.51.100.7")).ShouldBe(403);

        async Task<int> DeliverFromAsync(string forwardedFor)
        {
            var body = Seller.Bytes(Seller.Sale(seller.NewOrder()));
            var answer = await seller.DeliverAsync(
                "perfectpay",
                body,
                [("x-perfectpay-signature", Seller.Sign(body, seller.Secret)), ("X-Forwarded-For", forwardedFor)],
                http: host.Http
            );
            return answer.Code;
        }
    }

    private Task<string> StateAsync(Seller seller, string order) =>
        server.Database.ScalarAsync<string>(
            "select state from conversion where tenant_id = $1 and conversion_id = $2",
            seller.Tenant,
            $"perfectpay-{order}"
        );

    private Task<long> CountAsync(string table, Seller seller, string condition = "") =>
        server.Database.ScalarAsync<long>($"select count(*) from {table} where tenant_id = $1 {condition}", seller.Tenant);
}
