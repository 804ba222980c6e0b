using System.Net;
using TrackAi.Contracts;
using TrackAi.EndToEnd.Tests.Browser;

namespace TrackAi.Dashboard.Tests;

/// <summary>A user sees their own tenants and no other, by whatever way they try.</summary>
public sealed class AccessTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    private const string Foreign = "Only the other may read this";

    [Fact]
    public void Pages_are_found() => Pages.OfATenant.Count.ShouldBeGreaterThan(10, "otherwise every rule here holds for nothing");

    [Fact]
    public async Task Nobody_sees_a_page_before_they_signed_in()
    {
        var seller = await server.NewSellerAsync();
        using var http = Client();

        foreach (
            var route in Pages
                .Routes.Except(["/sign-in", "/set-password"])
                .Concat(Pages.ExportsOf(server))
                .Append("/analytics/export/tenants.csv")
        )
        {
            using var answer = await http.GetAsync(Pages.Of(route, seller.Tenant));
            answer.StatusCode.ShouldBe(HttpStatusCode.Redirect, route);
            answer.Headers.Location!.PathAndQuery.ShouldStartWith("/sign-in", customMessage: route);
        }
    }

    [Theory]
    [InlineData(TenantRole.Owner)]
    [InlineData(TenantRole.Viewer)]
    public async Task A_tenant_of_others_is_a_tenant_that_does_not_exist(TenantRole role)
    {
        var (mine, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        await server.Host.Tenants.RenameTenantAsync(other.Tenant, Foreign);
        using var http = await SignedInAsync(await server.NewUserAsync(mine.Tenant, role));

        foreach (var route in Pages.OfATenant.Concat(Pages.ExportsOf(server)))
        {
            using var own = await http.GetAsync(Pages.Of(route, mine.Tenant));
            own.StatusCode.ShouldBe(HttpStatusCode.OK, route);
            using var foreign = await http.GetAsync(Pages.Of(route, other.Tenant));
            using var nobodys = await http.GetAsync(Pages.Of(route, "no-such-tenant"));
            (foreign.StatusCode, nobodys.StatusCode).ShouldBe((HttpStatusCode.NotFound, HttpStatusCode.NotFound), route);
            (await foreign.Content.ReadAsStringAsync()).ShouldNotContain(Foreign, customMessage: route);
        }

        (await http.GetStringAsync("/analytics/export/tenants.csv")).ShouldNotContain(Foreign);
        using var home = await http.GetAsync("/analytics");
        home.Headers.Location!.OriginalString.ShouldEndWith($"/analytics/{mine.Tenant}");
        (await http.GetStringAsync("/setup")).ShouldNotContain("<form class=\"stack\"");
    }

    [Fact]
    public async Task A_page_that_is_open_does_not_lead_to_a_tenant_of_others()
    {
        var (mine, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        await server.Host.Tenants.RenameTenantAsync(other.Tenant, Foreign);
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(mine.Tenant));
        var page = await browser.GoAsync($"/analytics/{mine.Tenant}");

        foreach (var route in Pages.OfATenant)
        {
            // Inside the circuit: no request is made that could be refused.
            await page.EvaluateAsync($"Blazor.navigateTo('{Pages.Of(route, other.Tenant)}')");
            await page.AtAsync($"*{Pages.Of(route, other.Tenant)}");
            await page.WaitForSelectorAsync("text=There is nothing here");
            (await page.ContentAsync()).ShouldNotContain(Foreign, customMessage: route);
            await page.EvaluateAsync($"Blazor.navigateTo('/analytics/{mine.Tenant}/health')");
            await page.WaitForSelectorAsync("h1:has-text('Health')");
        }
    }

    [Fact]
    public async Task A_viewer_looks_and_changes_nothing()
    {
        var seller = await server.NewSellerAsync();
        using var http = await SignedInAsync(await server.NewUserAsync(seller.Tenant, TenantRole.Viewer));

        foreach (var route in Pages.OfATenant)
        {
            var html = await http.GetStringAsync(Pages.Of(route, seller.Tenant));
            html.ShouldNotContain("button primary\" disabled", customMessage: route);
            html.ShouldNotContain("type=\"password\"", customMessage: route);
            html.ShouldNotContain("button danger", customMessage: route);
        }
    }

    [Fact]
    public async Task Who_loses_a_tenant_while_a_page_is_open_is_a_stranger_at_the_next_thing_they_do()
    {
        var seller = await server.NewSellerAsync();
        var email = await server.NewUserAsync(seller.Tenant);
        await using var browser = await server.SignedInAsync(email);
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/settings");
        await page.WaitForSelectorAsync("button.primary");
        var user = (await server.Users.ListAsync(seller.Tenant)).Single(one => one.Email == email);

        await server.Users.RemoveAsync(user.Id, seller.Tenant);
        await page.FillAsync("input[maxlength='200']", "Taken over");
        await page.ClickAsync("button.primary");

        await page.WaitForSelectorAsync("[role=alert]:has-text('You may not do this')");
        (await server.Host.Tenants.ShowAsync(seller.Tenant)).Tenant.Name.ShouldNotBe("Taken over");
        (await page.GotoAsync(page.Url))!.Url.ShouldContain("/sign-in");
    }

    [Fact]
    public async Task Signing_out_everywhere_ends_every_session()
    {
        var seller = await server.NewSellerAsync();
        var email = await server.NewUserAsync(seller.Tenant);
        using var one = await SignedInAsync(email);
        using var other = await SignedInAsync(email);

        await server.Users.SignOutEverywhereAsync((await server.Users.ListAsync(seller.Tenant)).Single().Id);

        foreach (var http in new[] { one, other })
        {
            using var answer = await http.GetAsync($"/analytics/{seller.Tenant}");
            answer.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        }
    }

    [Fact]
    public async Task An_operator_sees_every_tenant()
    {
        var sellers = new[] { await server.NewSellerAsync(), await server.NewSellerAsync() };
        using var http = await SignedInAsync(await server.NewUserAsync(tenant: null));

        var html = await http.GetStringAsync("/analytics");

        foreach (var seller in sellers)
        {
            html.ShouldContain($"/analytics/{seller.Tenant}\"");
            using var answer = await http.GetAsync($"/analytics/{seller.Tenant}/settings/audit");
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task A_session_that_one_host_began_another_goes_on_with()
    {
        var seller = await server.NewSellerAsync();
        await using var second = await server.StartAnotherAsync();
        await seller.KnownToAsync(second);
        var session = await server.NewSessionAsync(await server.NewUserAsync(seller.Tenant));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{second.Url}/analytics/{seller.Tenant}");
        request.Headers.Add("Cookie", $"{DashboardServer.SessionCookie}={session}");
        using var http = Client();
        using var answer = await http.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (
            await server.Database.ScalarAsync<long>("select count(*) from data_protection_key where xml like '%<sealed%'")
        ).ShouldBeGreaterThan(0);
        (await server.Database.ScalarAsync<long>("select count(*) from data_protection_key where xml like '%<masterKey%'")).ShouldBe(0);
    }

    [Fact]
    public async Task The_pages_are_switched_off_with_their_flag()
    {
        var seller = await server.NewSellerAsync();
        await using var own = await server.StartAnotherAsync(("FeatureManagement:analytics_views", "false"));
        await seller.KnownToAsync(own);
        var session = await server.NewSessionAsync(await server.NewUserAsync(seller.Tenant));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{own.Url}/analytics/{seller.Tenant}");
        request.Headers.Add("Cookie", $"{DashboardServer.SessionCookie}={session}");
        using var http = Client();
        using var answer = await http.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await answer.Content.ReadAsStringAsync()).ShouldNotContain("Sales received");
        using var export = new HttpRequestMessage(HttpMethod.Get, $"{own.Url}/analytics/{seller.Tenant}/export/sales.csv");
        export.Headers.Add("Cookie", $"{DashboardServer.SessionCookie}={session}");
        using var refused = await http.SendAsync(export);
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    private HttpClient Client() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(server.Host.Url) };

    private async Task<HttpClient> SignedInAsync(string email)
    {
        var http = Client();
        http.DefaultRequestHeaders.Add(
            "Cookie",
            $"{DashboardServer.SessionCookie}={await server.NewSessionAsync(email)}; trackai-language=en"
        );
        return http;
    }
}
