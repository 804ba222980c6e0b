using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>What is filtered is in the address, and everything on the page is of it.</summary>
public sealed class FilterTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    [Fact]
    public async Task A_funnel_is_chosen_and_every_figure_is_of_its_sales()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.Tenants.AddFunnelAsync(seller.Tenant, "curso", "Curso de violão", productId: "CURSO");
        await server.Host.Tenants.AddFunnelAsync(seller.Tenant, "resto", "Todo o resto", isDefault: true);
        await Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Directory.FindFunnel(seller.Tenant, "perfectpay", "CURSO") == "curso"),
            "the host knows the funnels"
        );
        var course = seller.NewOrder();
        var sale = Seller.Sale(course, amount: 100, clickId: await seller.ClickAsync());
        sale["product_id"] = "CURSO";
        await seller.DeliverAsync(sale);
        var others = new[] { seller.NewOrder(), seller.NewOrder() };
        foreach (var order in others)
        {
            // Nobody's click: the buyers share no phone.
            var other = Seller.Sale(order, amount: 7);
            other["customer"]!["phone"] = $"+55 85 98711-{Array.IndexOf(others, order):0000}";
            await seller.DeliverAsync(other);
        }

        await server.Host.SettledAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}");
        (await page.InnerTextAsync(".card:has-text('Sales received') .card-value")).ShouldBe("3");
        (await page.InnerTextAsync(".card:has(h2:has-text('By funnel'))")).ShouldContain("Todo o resto");

        await page.SelectOptionAsync("label:has-text('Funnel') select", "Curso de violão");

        await page.WaitForFunctionAsync("() => location.search === '?funnel=curso'");
        await page.WaitForSelectorAsync(".card:has-text('Sales received') .card-value:text-is('1')");
        (await page.InnerTextAsync(".card:has-text('Reached Meta') .card-value")).ShouldBe("1");
        (await page.InnerTextAsync(".card:has-text('Matched to a click') .card-value")).ShouldBe("100%");
        (await page.InnerTextAsync(".card:has-text('Revenue, BRL') .card-value")).ShouldBe("R$ 100.00");
        (await page.InnerTextAsync(".card:has-text('p95') .card-value")).ShouldNotBe("–");
        (await page.InnerTextAsync(".ledger")).ShouldContain("1 received = 1 sent");
        var numbers = await page.Locator(".as-table td.end").AllTextContentsAsync();
        numbers.ShouldContain("1");
        numbers.ShouldNotContain("3");

        // The link shows the same to whoever may see it, and leads on with it.
        var events = await browser.GoAsync($"/analytics/{seller.Tenant}/events?funnel=curso");
        await events.WaitForSelectorAsync($"#sales:has-text('{course}')");
        (await events.InnerTextAsync("#sales")).ShouldNotContain(others[0]);
        var match = await browser.GoAsync($"/analytics/{seller.Tenant}/match?funnel=resto");
        await match.WaitForSelectorAsync(".card:has(h2:has-text('By match rule'))");
        (await match.InnerTextAsync(".card:has(h2:has-text('By match rule'))")).ShouldContain("unmatched\n2");
        browser.Complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_sale_is_found_by_how_its_order_begins_whatever_else_is_chosen()
    {
        var seller = await server.NewSellerAsync();
        await seller.DeliverAsync(Seller.Sale("HP17160 um"));
        await seller.DeliverAsync(Seller.Sale("XX1"));
        await server.Host.SettledAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/events?status=dead");

        await page.FillAsync("input[type=search]", "HP17");
        await page.PressAsync("input[type=search]", "Enter");

        await page.WaitForSelectorAsync("#sales:has-text('HP17160 um')");
        (await page.InnerTextAsync("#sales")).ShouldNotContain("XX1");
        browser.Complaints.ShouldBeEmpty();
    }
}
