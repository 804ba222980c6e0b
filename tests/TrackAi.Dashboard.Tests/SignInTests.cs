using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>Getting in, and what is seen first.</summary>
public sealed class SignInTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    [Fact]
    public async Task Whoever_is_invited_chooses_a_password_signs_in_and_sees_their_sales()
    {
        var seller = await server.NewSellerAsync();
        for (var sale = 0; sale < 12; sale++)
            await seller.DeliverAsync(Seller.Sale(seller.NewOrder(), clickId: sale % 3 == 0 ? null : await seller.ClickAsync()));
        await server.Host.SettledAsync();
        var (_, link) = await server.Users.InviteAsync("nova@loja.example", "Nova Pessoa", seller.Tenant, Contracts.TenantRole.Owner);
        await using var browser = await server.NewBrowserAsync(language: "pt");

        await browser.Page.GotoAsync(server.Host.Url + link!.Path);
        await browser.Page.FillAsync("input[autocomplete=new-password] >> nth=0", DashboardServer.Password);
        await browser.Page.FillAsync("input[autocomplete=new-password] >> nth=1", DashboardServer.Password);
        await browser.Page.ClickAsync("button[type=submit]");
        await browser.Page.WaitForURLAsync("**/sign-in");
        await browser.SignInAsync("nova@loja.example", DashboardServer.Password);

        await browser.Page.WaitForURLAsync($"**/analytics/{seller.Tenant}");
        await browser.Page.WaitForSelectorAsync(".chart svg");
        await Screens.TakeAsync(browser.Page, "first");
        (await browser.Page.InnerTextAsync(".cards")).ShouldContain("12");
        browser.Complaints.ShouldBeEmpty();
    }
}
