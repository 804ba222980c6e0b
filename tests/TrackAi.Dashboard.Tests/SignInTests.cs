using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using TrackAi.Contracts;
using TrackAi.EndToEnd.Tests.Browser;
using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>Getting in, and keeping others out.</summary>
public sealed class SignInTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    [Fact]
    public async Task Whoever_is_invited_chooses_a_password_signs_in_and_sees_their_sales()
    {
        var seller = await server.NewSellerAsync();
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder(), clickId: await seller.ClickAsync()));
        await server.Host.SettledAsync();
        var (_, link) = await server.Users.InviteAsync("nova@loja.example", "Nova Pessoa", seller.Tenant, TenantRole.Owner);
        await using var browser = await server.NewBrowserAsync(language: "pt");
        var page = browser.Page;

        await page.GotoAsync(server.Host.Url + link!.Path);
        await ChooseAsync("senha1234567");
        await page.WaitForSelectorAsync("[role=alert]");
        await Screens.TakeAsync(page, "set-password-light");
        await ChooseAsync(DashboardServer.Password);
        await page.AtAsync("*/sign-in");
        await page.WaitForSelectorAsync("input[type=email]");
        await Screens.TakeAsync(page, "sign-in-light");
        await browser.SignInAsync("nova@loja.example", DashboardServer.Password);

        await page.AtAsync($"*/analytics/{seller.Tenant}");
        await page.WaitForSelectorAsync(".chart svg");
        (await page.InnerTextAsync(".card:has-text('Vendas recebidas') .card-value")).ShouldBe("1");
        (await page.GotoAsync(server.Host.Url + link.Path))!.Ok.ShouldBeTrue();
        (await page.InnerTextAsync("[role=alert]")).ShouldContain("já foi usado");
        browser.Complaints.ShouldBeEmpty();

        async Task ChooseAsync(string password)
        {
            await page.FillAsync("input[autocomplete=new-password] >> nth=0", password);
            await page.FillAsync("input[autocomplete=new-password] >> nth=1", password);
            await page.ClickAsync("button[type=submit]");
        }
    }

    [Fact]
    public async Task Five_wrong_passwords_lock_the_user_and_nobody_learns_who_there_is()
    {
        var seller = await server.NewSellerAsync();
        var email = await server.NewUserAsync(seller.Tenant);

        for (var attempt = 0; attempt < 5; attempt++)
            (await server.SignIns.SignInAsync(email, "wrong", code: null)).Outcome.ShouldBe(SignInOutcome.Refused);
        (await server.SignIns.SignInAsync(email, DashboardServer.Password, code: null)).Outcome.ShouldBe(SignInOutcome.LockedOut);
        (await server.SignIns.SignInAsync("nobody@loja.example", "wrong", code: null)).Outcome.ShouldBe(SignInOutcome.Refused);

        await using var browser = await server.NewBrowserAsync();
        var told = new List<string>();
        foreach (var one in new[] { email, "nobody@loja.example" })
        {
            await browser.SignInAsync(one, DashboardServer.Password);
            told.Add(await browser.Page.InnerTextAsync("[role=alert]"));
        }

        told[0].ShouldBe(told[1]);
    }

    [Fact]
    public async Task Who_tries_many_users_from_one_address_has_to_wait_and_is_told_how_long()
    {
        var seller = await server.NewSellerAsync();
        var email = await server.NewUserAsync(seller.Tenant);
        await using var strict = await server.StartAnotherAsync(("RateLimits:SignIn:PerAddressPerMinute", "2"));
        await seller.KnownToAsync(strict);
        await using var browser = await server.NewBrowserAsync(at: strict);
        var page = browser.Page;

        for (var attempt = 0; attempt < 2; attempt++)
            (await TryAsync($"nobody{attempt}@loja.example")).Status.ShouldBe(200);
        var refused = await TryAsync(email);

        refused.Status.ShouldBe(429);
        int.Parse(refused.Headers["retry-after"], System.Globalization.CultureInfo.InvariantCulture).ShouldBeInRange(1, 30);
        (await page.InnerTextAsync("[role=alert]")).ShouldStartWith("Too many attempts from your address. Wait ");
        await Screens.TakeAsync(page, "sign-in-refused-light");
        (await server.SignIns.SignInAsync(email, DashboardServer.Password, code: null)).Outcome.ShouldBe(
            SignInOutcome.SignedIn,
            "the user is not locked"
        );

        async Task<IResponse> TryAsync(string who)
        {
            await browser.Page.GotoAsync($"{strict.Url}/sign-in");
            await page.FillAsync("input[type=email]", who);
            await page.FillAsync("input[type=password]", DashboardServer.Password);
            return await page.RunAndWaitForResponseAsync(
                () => page.ClickAsync("button[type=submit]"),
                response => response.Request.Method == "POST"
            );
        }
    }

    [Fact]
    public async Task An_authenticators_code_is_asked_for_once_it_is_in_force()
    {
        var email = await server.NewUserAsync((await server.NewSellerAsync()).Tenant);
        await using var browser = await server.SignedInAsync(email);
        var page = await browser.GoAsync("/account");
        await page.ClickAsync("text=Set one up");
        var secret = await page.InnerTextAsync(".copy code");
        var time = server.Host.Services.GetRequiredService<TimeProvider>();
        await page.FillAsync("input[autocomplete=one-time-code]", Tenancy.Totp.Code(secret, time.GetUtcNow()));
        await page.ClickAsync("text=Confirm");
        await page.WaitForSelectorAsync("text=The authenticator is in force.");

        (await server.SignIns.SignInAsync(email, DashboardServer.Password, code: null)).Outcome.ShouldBe(SignInOutcome.CodeNeeded);
        // The step just used does not count again; the next one does.
        var next = Tenancy.Totp.Code(secret, time.GetUtcNow().AddSeconds(30));
        await using var fresh = await server.NewBrowserAsync();
        await fresh.SignInAsync(email, DashboardServer.Password);
        // Only the page that asks for it has a place for the code; the one before had a password, too.
        await fresh.Page.FillAsync("input[autocomplete=one-time-code]", next);
        await fresh.Page.FillAsync("input[type=password]", DashboardServer.Password);
        await fresh.Page.ClickAsync("button[type=submit]");
        await fresh.Page.AtAsync("*/analytics/*");
    }

    [Fact]
    public async Task Nothing_that_opens_anything_is_in_the_log_or_in_the_clear()
    {
        var seller = await server.NewSellerAsync();
        var (user, link) = await server.Users.InviteAsync("segredo@loja.example", null, seller.Tenant, TenantRole.Owner);
        await server.SignIns.SetPasswordAsync(link!.Token, DashboardServer.Password);
        await server.SignIns.SignInAsync(user.Email, "a wrong password too", code: null);

        server.Host.Log.Text.ShouldNotContain(DashboardServer.Password);
        server.Host.Log.Text.ShouldNotContain("a wrong password too");
        server.Host.Log.Text.ShouldNotContain(link.Token);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where data::text like '%segredo@loja%' or data::text like '%' || $1 || '%'",
                link.Token
            )
        ).ShouldBe(0);
        (await server.Database.ScalarAsync<string>("select password_hash from app_user where id = $1", user.Id)).ShouldNotContain("cavalo");
    }

    [Fact]
    public async Task A_browser_is_told_to_be_strict()
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = new Uri(server.Host.Url),
        };
        using var page = await http.GetAsync("/sign-in");
        var policy = page.Headers.GetValues("Content-Security-Policy").First();

        policy.ShouldContain("script-src 'self';");
        policy.ShouldNotContain("unsafe-eval");
        policy.ShouldContain("frame-ancestors 'none'");
        page.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        page.Headers.CacheControl!.NoStore.ShouldBeTrue();
        page.Headers.GetValues("Set-Cookie").ShouldAllBe(cookie => cookie.Contains("httponly") && cookie.Contains("samesite="));

        // A host that is not this machine gets its cookies over TLS only.
        using var far = new HttpRequestMessage(HttpMethod.Get, "/sign-in") { Headers = { Host = "track.example" } };
        using var answer = await http.SendAsync(far);
        answer.Headers.GetValues("Set-Cookie").ShouldAllBe(cookie => cookie.Contains("secure"));
    }

    [Fact]
    public async Task A_form_of_somebody_elses_page_signs_nobody_in_or_out()
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = new Uri(server.Host.Url),
        };
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string>
            {
                ["_handler"] = "sign-in",
                ["Form.Email"] = "a@b.example",
                ["Form.Password"] = "x",
            }
        );

        (await http.PostAsync("/sign-in", form)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await http.PostAsync("/sign-out", content: null)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        using var away = await http.GetAsync("/preferences?theme=dark&back=//evil.example/");
        away.Headers.Location!.OriginalString.ShouldBe("/analytics");
    }
}
