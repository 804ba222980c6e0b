using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using TrackAi.Contracts;
using TrackAi.Dashboard.Web.Exports;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>What is on the screen is taken away by a link beside it.</summary>
public sealed class ExportTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    [Fact]
    public async Task What_is_exported_is_what_is_shown_and_no_spreadsheet_computes_it()
    {
        var seller = await server.NewSellerAsync();
        var sale = Seller.Sale("=1+1", amount: 10.5m);
        sale["utm_source"] = "=HYPERLINK(\"http://evil.example\"),\"x";
        await seller.DeliverAsync(sale);
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder(), status: "pending"));
        await server.Host.SettledAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/events?status=sent");

        var csv = await DownloadAsync(page, "CSV");
        csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(2, "the pending one was filtered away");
        csv.ShouldContain(",\"'=1+1\",");
        csv.ShouldContain(",10.5,BRL,");
        csv.ShouldContain("\"'=HYPERLINK(\"\"http://evil.example\"\"),\"\"x\"");
        JsonElement.Parse(await DownloadAsync(page, "JSON"))[0].GetProperty("order_id").GetString().ShouldBe("=1+1");

        // The links follow the filters that are chosen after the page was opened.
        await page.SelectOptionAsync("label:has-text('Status') select", "waiting");
        await page.WaitForSelectorAsync("a.button[href$='?status=waiting']:has-text('JSON')");
        JsonElement.Parse(await DownloadAsync(page, "JSON"))[0].GetProperty("state").GetString().ShouldBe("pending");
    }

    [Fact]
    public async Task Every_page_with_a_table_gives_it_away()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.Tenants.AddFunnelAsync(seller.Tenant, "curso", "=cmd|' /C calc'!A0", isDefault: true);
        await server.Host.Services.GetRequiredService<IApiKeys>().AddAsync(seller.Tenant, "Relatórios");
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder(), amount: 100, clickId: await seller.ClickAsync()));
        var refused = seller.NewOrder();
        await server.Host.SettledAsync();
        server.Meta.Inject(MetaFault.Error(400, 100, 2804019) with { Pixel = seller.PixelId });
        var unmatched = Seller.Sale(refused, amount: 3);
        unmatched["customer"]!["phone"] = "+55 85 98711-0000";
        await seller.DeliverAsync(unmatched);
        await server.Host.SettledAsync();
        server.Meta.ClearFaults();
        await seller.PostbackAsync(seller.NewOrder(), 77);
        await server.Host.SettledAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant, TenantRole.Viewer, "Bia Leitora"));

        var given = new Dictionary<string, (string Csv, JsonElement Json)>(StringComparer.Ordinal);
        foreach (
            var path in new[] { "", "/events", $"/sale?id=perfectpay-{refused}", "/dead-letters", "/match", "/health" }.Concat(Settings)
        )
        {
            var page = await browser.GoAsync($"/analytics/{seller.Tenant}{path}");
            foreach (var link in await page.Locator("a[download]").AllAsync())
            {
                var address = (await link.GetAttributeAsync("href"))!;
                var answer = await browser.Context.APIRequest.GetAsync(server.Host.Url + address);
                answer.Status.ShouldBe(200, address);
                answer.Headers["content-disposition"].ShouldStartWith("attachment", customMessage: address);
                var name = address.Split('/')[^1].Split('?')[0].Split('.');
                var before = given.GetValueOrDefault(name[0]);
                given[name[0]] =
                    name[1] == "csv" ? (await answer.TextAsync(), before.Json) : (before.Csv, (await answer.JsonAsync())!.Value);
            }
        }

        foreach (var (name, (csv, json)) in given)
        {
            json.GetArrayLength().ShouldBeGreaterThan(0, name);
            csv.TrimStart('\uFEFF')
                .Split('\n')[0]
                .Trim()
                .ShouldBe(string.Join(',', json[0].EnumerateObject().Select(one => one.Name)), name);
        }

        given
            .Keys.Order(StringComparer.Ordinal)
            .ShouldBe(
                Pages
                    .ExportsOf(server)
                    .Select(route => route.Split('/')[^1].Split('.')[0])
                    .Distinct(StringComparer.Ordinal)
                    .Order(StringComparer.Ordinal),
                "there is a link to each"
            );
        var today = given["overview"].Json[given["overview"].Json.GetArrayLength() - 1];
        (today.GetProperty("received").GetInt64(), today.GetProperty("sent").GetInt64(), today.GetProperty("given_up").GetInt64()).ShouldBe(
            (2, 1, 1)
        );
        today.GetProperty("net_BRL").GetDecimal().ShouldBe(103);
        given["funnels"].Csv.ShouldContain(",\"'=cmd|");
        given["dead-letters"].Json[0].GetProperty("conversion_id").GetString().ShouldBe($"perfectpay-{refused}");
        given["people"].Csv.ShouldContain("Bia Leitora");
        given["gateways"]
            .Json.EnumerateArray()
            .Where(gateway => gateway.GetProperty("is_connected").GetBoolean())
            .Select(gateway => $"{gateway.GetProperty("gateway")} {gateway.GetProperty("amount")}")
            .ShouldContain("perfectpay sale_amount");
        given["gateways"].Csv.ShouldNotContain(seller.Secret);
        given["audit"].Json.EnumerateArray().ShouldContain(change => change.GetProperty("what").GetString() == "funnel_added");
        browser.Complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_list_of_tenants_is_given_away_with_the_figures_it_shows_and_no_tenant_of_others()
    {
        var sellers = new[] { await server.NewSellerAsync(), await server.NewSellerAsync(), await server.NewSellerAsync() };
        foreach (var (index, seller) in sellers.Index())
            for (var sale = 0; sale <= index; sale++)
                await seller.DeliverAsync(Seller.Sale(seller.NewOrder()));
        await server.Host.SettledAsync();
        var both = await server.NewUserAsync(sellers[0].Tenant);
        await server.Users.InviteAsync(both, "Ana Prado", sellers[1].Tenant, TenantRole.Viewer);
        await using var browser = await server.SignedInAsync(both);
        var page = await browser.GoAsync("/analytics");

        JsonElement
            .Parse(await DownloadAsync(page, "JSON"))
            .EnumerateArray()
            .Select(row =>
                (row.GetProperty("tenant").GetString(), row.GetProperty("received").GetInt64(), row.GetProperty("sent").GetInt64())
            )
            .ShouldBe([(sellers[0].Tenant, 1, 1), (sellers[1].Tenant, 2, 2)], ignoreOrder: true);
        var csv = await DownloadAsync(page, "CSV");
        csv.ShouldContain($"{sellers[1].Tenant},");
        csv.ShouldNotContain(sellers[2].Tenant);
        foreach (var seller in sellers[..2])
            (await page.InnerTextAsync($"tr:has(a[href='/analytics/{seller.Tenant}']) td:nth-child(2)")).ShouldBe(
                seller == sellers[0] ? "1" : "2"
            );

        // An operator sees them all.
        await using var operators = await server.SignedInAsync(await server.NewUserAsync(tenant: null));
        (await DownloadAsync(await operators.GoAsync("/analytics"), "CSV")).ShouldContain(sellers[2].Tenant);
        browser.Complaints.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("=1+1", "\"'=1+1\"")]
    [InlineData("-cmd", "\"'-cmd\"")]
    [InlineData("@sum", "\"'@sum\"")]
    [InlineData("\t=1", "\"'\t=1\"")]
    [InlineData("＝1", "\"'＝1\"")]
    [InlineData("a \"b\", c", "\"a \"\"b\"\", c\"")]
    [InlineData("", "")]
    public void A_cell_is_text_whatever_is_in_it(string value, string cell) => Csv.Line([value]).ShouldBe(cell);

    [Fact]
    public void Numbers_and_times_are_the_same_everywhere() =>
        Csv.Line([-1.5m, null, true, new DateOnly(2026, 3, 5), new DateTimeOffset(2026, 3, 5, 1, 2, 3, TimeSpan.FromHours(-3))])
            .ShouldBe("-1.5,,true,2026-03-05,2026-03-05T04:02:03.000Z");

    private static IEnumerable<string> Settings =>
        ["/settings/funnels", "/settings/gateways", "/settings/pixels", "/settings/people", "/settings/api-keys", "/settings/audit"];

    private static async Task<string> DownloadAsync(IPage page, string what)
    {
        var download = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync($"a.button:has-text('{what}')"));
        return await File.ReadAllTextAsync(await download.PathAsync());
    }
}
