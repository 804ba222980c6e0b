using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EndToEnd.Tests.Browser;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>What people do on the pages, and what the pages do by themselves.</summary>
public sealed class ActTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    private const string Script = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>";

    [Fact]
    public async Task A_sale_shows_on_the_open_pages_without_a_reload()
    {
        var seller = await server.NewSellerAsync();
        var email = await server.NewUserAsync(seller.Tenant);
        await using var one = await server.SignedInAsync(email);
        await using var other = await server.SignedInAsync(email);
        var events = await one.GoAsync($"/analytics/{seller.Tenant}/events");
        var overview = await other.GoAsync($"/analytics/{seller.Tenant}");
        await events.WaitForSelectorAsync("text=No sales here");
        await overview.WaitForSelectorAsync("text=No sales in this period");
        await events.EvaluateAsync("window.same = true");
        await WatchingAsync(2);

        var order = seller.NewOrder();
        await seller.DeliverAsync(Seller.Sale(order));

        await events.WaitForSelectorAsync($"#sales tr:has-text('{order}') .tag.good:has-text('sent')");
        await overview.WaitForSelectorAsync(".card:has-text('Reached Meta') .card-value:has-text('1')");
        (await events.EvaluateAsync<bool>("window.same")).ShouldBeTrue("the page is the one that was opened");
        one.Complaints.Concat(other.Complaints).ShouldBeEmpty();
    }

    [Fact]
    public async Task Dead_letters_are_sent_again_after_their_plan_was_shown()
    {
        var seller = await server.NewSellerAsync();
        var orders = await RefuseAsync(seller, 2);
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant, name: "Ana Prado"));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/dead-letters");

        await page.ClickAsync("text=Send again…");
        (await page.InnerTextAsync("#plan")).ShouldContain("2 go back into the queue");
        orders.ShouldAllBe(order => server.AtMeta(order).Count == 0, "only the plan was shown");
        await page.ClickAsync("text=Send 2 again");

        await page.WaitForSelectorAsync("#progress:has-text('2 sent')");
        foreach (var order in orders)
            (await server.ArrivedAsync(order)).EventId.ShouldBe($"{seller.EventId("perfectpay", order)}");
        await page.WaitForSelectorAsync("text=Nothing was given up");
        await browser.GoAsync($"/analytics/{seller.Tenant}/sale?id=perfectpay-{orders[0]}");
        await page.WaitForSelectorAsync(".timeline li:has-text('Put back into the queue'):has-text('Ana Prado')");
        browser.Complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task Dead_letters_are_put_away_with_a_reason()
    {
        var seller = await server.NewSellerAsync();
        await RefuseAsync(seller, 1);
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/dead-letters");

        await page.ClickAsync("text=Put away…");
        (await page.IsDisabledAsync("#discard .danger")).ShouldBeTrue("without a reason nothing is put away");
        await page.FillAsync("#discard input", "a test of the pixel");
        await page.ClickAsync("#discard .danger");

        await page.WaitForSelectorAsync("text=Nothing was given up");
        (
            await server.Database.ScalarAsync<string>(
                "select data ->> 'reason' from mt_events where tenant_id = $1 and type = 'dispatch_discarded'",
                seller.Tenant
            )
        ).ShouldBe("a test of the pixel");
    }

    [Fact]
    public async Task From_nothing_to_the_first_sale_in_four_steps()
    {
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(tenant: null, name: "Rui Operador"));
        var page = await browser.GoAsync("/setup");
        await page.FillAsync("label:has-text('Name') input", "Ateliê do Zé");
        await page.ClickAsync("text=Go on");
        await page.AtAsync("*/analytics/atelie-do-ze/setup?step=2");
        await page.SelectOptionAsync("select", "perfectpay");
        await page.FillAsync("input[type=password]", "a-secret-of-the-gateway");
        await page.WaitForSelectorAsync(".copy:has-text('/api/v1/webhooks/perfectpay/atelie-do-ze')");
        await page.ClickAsync("text=Go on");
        await page.AtAsync("*/setup?step=3");
        server.MakeTokenValid("EAAGwizard");
        await page.FillAsync("input[inputmode=numeric]", "700000000000042");
        await page.FillAsync("input[type=password]", "EAAGwizard");
        await page.ClickAsync("text=Go on");
        await page.AtAsync("*/setup?step=4");
        await page.WaitForSelectorAsync(".copy:has-text('data-tenant=\"atelie-do-ze\"')");

        await page.ClickAsync("text=Send a test through");
        await page.WaitForSelectorAsync("#probe-ok");
        await Screens.TakeAsync(page, "wizard-tested-light");
        (await page.InnerTextAsync("#first-sale")).ShouldContain("Waiting for the first sale");
        await WatchingAsync(1);
        var seller = new Seller(server, "perfectpay", "atelie-do-ze", "a-secret-of-the-gateway", "700000000000042");
        await seller.DeliverAsync(Seller.Sale("primeira-venda"));

        await page.WaitForSelectorAsync("#first-sale:has-text('The first sale is here')");
        await server.ArrivedAsync("primeira-venda");
        await browser.GoAsync("/analytics/atelie-do-ze/settings/audit");
        var audit = await page.InnerTextAsync("table");
        audit.ShouldContain("Rui Operador");
        audit.ShouldNotContain("EAAGwizard");
        audit.ShouldNotContain("a-secret-of-the-gateway");
        browser.Complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task Whatever_strangers_wrote_is_shown_as_text()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.Tenants.RenameTenantAsync(seller.Tenant, Script[..60]);
        var click = await seller.ClickAsync(
            new { utm_source = Script, utm_campaign = $"\u202Eevil\u202C שלום 👩‍👩‍👧 {new string('x', 900)}" }
        );
        var sale = Seller.Sale("<b>order</b>\"'&", clickId: click);
        (sale["utm_source"], sale["utm_campaign"]) = (Script, new string('y', 10_000));
        (await seller.DeliverAsync(sale)).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant, name: Script));

        foreach (var route in Pages.OfATenant)
        {
            var address = Pages.Of(route, seller.Tenant);
            var page = await browser.GoAsync(
                route.EndsWith("/sale", StringComparison.Ordinal)
                    ? $"{address}?id={Uri.EscapeDataString("perfectpay-<b>order</b>\"'&")}"
                    : $"{address}?search={Uri.EscapeDataString(Script)}&gateway={Uri.EscapeDataString(Script)}&reason={Uri.EscapeDataString(Script)}&period=%00&cursor=%27"
            );
            (await page.EvaluateAsync<bool>("window.hacked === undefined")).ShouldBeTrue(route);
            (
                await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            ).ShouldBeLessThanOrEqualTo(0, route);
        }

        var events = await browser.GoAsync($"/analytics/{seller.Tenant}/events");
        await events.WaitForSelectorAsync("#sales tr:has-text('<b>order</b>')");
        await Screens.TakeAsync(events, "hostile-light");
        browser.Complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_key_that_may_only_read_does_not_send_dead_letters_again_and_one_that_was_rotated_ends()
    {
        var seller = await server.NewSellerAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/settings/api-keys");
        await page.FillAsync("input[maxlength='200']", "Relatórios");
        await page.ClickAsync("text=Make a key");
        var key = await page.InnerTextAsync("#new-key code");

        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/analytics/match-rate");
        request.Headers.Add("x-api-key", key);
        (await seller.SendAsync(request)).Code.ShouldBe(200);
        using var redrive = new HttpRequestMessage(HttpMethod.Get, "/api/v1/dispatch/dead-letters");
        redrive.Headers.Add("x-api-key", key);
        (await seller.SendAsync(redrive)).Code.ShouldBe(401);

        await page.ClickAsync("text=Rotate");
        await page.WaitForSelectorAsync($"#new-key code:not(:has-text('{key}'))");
        var keys = server.Host.Services.GetRequiredService<IApiKeys>();
        (await keys.FindTenantAsync(key)).ShouldBe(seller.Tenant, "both are taken for a while");
        (await keys.ListAsync(seller.Tenant)).Count(one => one.EndsAt is not null).ShouldBe(1);
        (await keys.FindTenantAsync(await page.InnerTextAsync("#new-key code"), ApiKeyScopes.DeadLetters)).ShouldBeNull();
    }

    [Fact]
    public async Task A_read_model_is_rebuilt_from_the_page_by_an_operator_only()
    {
        var seller = await server.NewSellerAsync();
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder()));
        await server.Host.SettledAsync();
        await using var owner = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var seen = await owner.GoAsync($"/analytics/{seller.Tenant}/health");
        (await seen.Locator("button:has-text('Rebuild')").CountAsync()).ShouldBe(0);

        await using var browser = await server.SignedInAsync(await server.NewUserAsync(tenant: null));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/health");
        await page.ClickAsync("tr:has-text('Visits') button");
        await page.WaitForSelectorAsync("tr:has-text('Visits') .tag:has-text('rebuilt')");
    }

    [Fact]
    public async Task Whoever_switches_a_gateway_off_stands_in_the_audit_and_so_does_the_configuration()
    {
        var seller = await server.NewSellerAsync();
        await using var own = await server.StartAnotherAsync(("FeatureManagement:gateway_stripe", "false"));
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(tenant: null, name: "Rui Operador"));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/settings/gateways");

        await page.ClickAsync("#kiwify button:has-text('Switch off')");
        await page.WaitForSelectorAsync("#kiwify button:has-text('Switch on')");
        await page.ClickAsync("#kiwify button:has-text('Switch on')");
        await page.WaitForSelectorAsync("#kiwify button:has-text('Switch off')");
        own.Set("FeatureManagement:gateway_stripe", "true");

        await Eventually.TrueAsync(
            async () =>
            {
                await browser.GoAsync($"/analytics/{seller.Tenant}/settings/audit");
                var rows = await page.Locator("tbody tr:has-text('every tenant')").AllInnerTextsAsync();
                return Has("gateway_kiwify", "True", "Rui Operador")
                    && Has("gateway_kiwify", "False", "Rui Operador")
                    && Has("gateway_stripe", "False", "the configuration")
                    && Has("gateway_stripe", "True", "the configuration");

                bool Has(params string[] words) => rows.Any(row => words.All(word => row.Contains(word, StringComparison.Ordinal)));
            },
            "all four switches are written down"
        );

        // Another host with the same word says nothing new.
        await using var same = await server.StartAnotherAsync(("FeatureManagement:gateway_stripe", "true"));
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where type = 'feature_flag_set' and data ->> 'flag' = 'gateway_stripe'"
            )
        ).ShouldBe(2);
    }

    [Fact]
    public async Task A_paused_pixel_is_shown_and_resumed_from_the_page()
    {
        var seller = await server.NewSellerAsync(tokenIsValid: false);
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder()));
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/health");
        await page.WaitForSelectorAsync($"tr:has-text('{seller.PixelId}') .tag.bad:has-text('paused')");

        server.MakeTokenValid(seller.Token);
        await page.ClickAsync($"tr:has-text('{seller.PixelId}') button:has-text('Resume')");

        await Eventually.TrueAsync(
            async () =>
                await server.Database.ScalarAsync<long>("select count(*) from dispatch_queue where tenant_id = $1", seller.Tenant) == 0,
            "what waited is sent"
        );
    }

    [Fact]
    public async Task What_other_rules_would_gain_and_lose_is_worked_out_on_the_page_and_changes_nothing()
    {
        var seller = await server.NewSellerAsync();
        var rules = server.Host.Services.GetRequiredService<IMatchRules>();
        var now = (await rules.ShowAsync()).Rules;
        await rules.ActivateAsync(
            now with
            {
                Overrides =
                [
                    .. now.Overrides,
                    new(
                        seller.Tenant,
                        Funnel: null,
                        now.Policy with
                        {
                            Rules = [.. now.Policy.Rules.Where(rule => rule.Rule == MatchRule.ClickToken)],
                        }
                    ),
                ],
            },
            "cli"
        );
        // The second sale has the phone of the first and no token: only a rule that does not count here would join it.
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder(), clickId: await seller.ClickAsync()));
        await server.Host.SettledAsync();
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder()));
        await server.Host.SettledAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/match?gateway=perfectpay");
        await page.ClickAsync("text=Try other rules");

        // The rules in force.
        await WorkOutAsync(gained: 0, lost: 0);
        await page.CheckAsync("#what-if label:has-text('phone') input");
        await WorkOutAsync(gained: 1, lost: 0);
        (await page.InnerTextAsync("#what-if .card:has-text('Matched then') .card-value")).ShouldBe("100%");
        await page.UncheckAsync("#what-if label:has-text('click token') input");
        await page.UncheckAsync("#what-if label:has-text('phone') input");
        await page.CheckAsync("#what-if label:has-text('external id') input");
        await WorkOutAsync(gained: 0, lost: 1);
        (await page.InnerTextAsync("#what-if")).ShouldContain("Of every gateway and funnel");
        await Screens.TakeAsync(page, "what-if-light");

        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from match_log where tenant_id = $1 and reopened_by is not null",
                seller.Tenant
            )
        ).ShouldBe(0, "nothing was decided anew");
        browser.Complaints.ShouldBeEmpty();

        async Task WorkOutAsync(int gained, int lost)
        {
            await page.ClickAsync("text=Work it out");
            await page.WaitForSelectorAsync($"#what-if .card:has-text('Gained') .card-value:text-is('{gained}')");
            await page.WaitForSelectorAsync($"#what-if .card:has-text('Lost') .card-value:text-is('{lost}')");
        }
    }

    [Fact]
    public async Task A_pixels_token_is_tested_from_its_page_and_the_answer_can_be_understood()
    {
        var seller = await server.NewSellerAsync();
        await using var browser = await server.SignedInAsync(await server.NewUserAsync(seller.Tenant));
        var page = await browser.GoAsync($"/analytics/{seller.Tenant}/settings/pixels");

        await TestAsync("The token is valid.");
        (await page.InnerTextAsync("#token-check")).ShouldContain("set a test event code and test again");
        seller.Server.Meta.Received.ShouldAllBe(received => received.Pixel != seller.PixelId, "without a code Meta would count it");

        await server.Host.Tenants.SetPixelAsync(seller.Tenant, seller.PixelId, seller.Token, "TEST12345");
        await Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Directory.FindPixel(seller.Tenant, seller.PixelId)?.TestEventCode == "TEST12345"),
            "the host knows the code"
        );
        await TestAsync("the token may write to this pixel");
        server.Meta.Received.Single(received => received.Pixel == seller.PixelId).TestEventCode.ShouldBe("TEST12345");

        server.Meta.Inject(MetaFault.Error(403, 200) with { Pixel = seller.PixelId });
        await TestAsync("The token may not write to this pixel");
        server.Meta.ClearFaults();

        await seller.SetTokenAsync("EAAGdead", isValid: false);
        await seller.KnownToAsync(server.Host);
        (await TestAsync("The token is dead")).ShouldNotContain("EAAGdead");
        await page.WaitForSelectorAsync($"tr:has-text('{seller.PixelId}') .tag.bad");
        await Screens.TakeAsync(page, "token-check-light");
        browser.Complaints.ShouldBeEmpty();

        // The answer before stands there until the next one comes.
        async Task<string> TestAsync(string answer)
        {
            await page.ClickAsync($"tr:has-text('{seller.PixelId}') button:has-text('Test the token')");
            await page.WaitForSelectorAsync($"#token-check:has-text('{answer}')");
            return await page.InnerTextAsync("#token-check");
        }
    }

    private async Task<IReadOnlyList<string>> RefuseAsync(Seller seller, int sales)
    {
        server.Meta.Inject(MetaFault.Error(400, 100, 2804019) with { Pixel = seller.PixelId });
        var orders = new List<string>();
        for (var sale = 0; sale < sales; sale++)
        {
            orders.Add(seller.NewOrder());
            await seller.DeliverAsync(Seller.Sale(orders[^1]));
        }

        await server.Host.SettledAsync();
        server.Meta.ClearFaults();
        return orders;
    }

    /// <summary>Waits until the circuits of the open pages listen.</summary>
    private Task WatchingAsync(int pages) =>
        Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Services.GetRequiredService<Live.LiveFeed>().Watchers >= pages),
            "the pages listen"
        );
}
