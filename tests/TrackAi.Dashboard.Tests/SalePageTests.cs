using System.Net;
using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>The page of one sale is there whatever became of it.</summary>
public sealed class SalePageTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    [Fact]
    public async Task A_sale_that_is_not_paid_has_its_page_without_what_would_go_to_Meta()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order, status: "pending"))).Code.ShouldBe(202);
        await server.Host.SettledAsync();

        (await ReadAsync(seller, order)).ShouldNotContain("What goes to pixel");
    }

    [Fact]
    public async Task A_sale_with_an_event_that_cannot_be_read_shows_the_others_and_says_which()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await server.Database.ExecuteAsync(
            """update mt_events set data = jsonb_set(data, '{state}', '"Nope"') where tenant_id = $1 and type = 'conversion_received'""",
            seller.Tenant
        );

        var page = await ReadAsync(seller, order);

        page.ShouldContain("What happened here cannot be read.");
        page.ShouldContain("Meta confirmed it");
    }

    private async Task<string> ReadAsync(Seller seller, string order)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            $"{server.Host.Url}/analytics/{seller.Tenant}/sale?id=perfectpay-{order}"
        );
        var session = await server.NewSessionAsync(await server.NewUserAsync(seller.Tenant));
        request.Headers.Add("Cookie", $"{DashboardServer.SessionCookie}={session}; trackai-language=en");
        using var answer = await http.SendAsync(request);
        var page = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, page);
        page.ShouldContain("Step by step", customMessage: page);
        return page;
    }
}
