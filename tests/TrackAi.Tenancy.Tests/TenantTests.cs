using TrackAi.Contracts;

namespace TrackAi.Tenancy.Tests;

public sealed class TenantTests(TenancyDatabase database) : IClassFixture<TenancyDatabase>
{
    private ITenantAdministration Tenants => database.Tenants;

    [Fact]
    public async Task A_tenant_is_added_as_a_fact_a_row_and_in_memory()
    {
        await Tenants.AddTenantAsync("added", "Ação Café", "America/Manaus");

        (await database.FactsAsync("added"))
            .Single()
            .ShouldBeOfType<TenantAdded>()
            .ShouldSatisfyAllConditions(
                added => added.Slug.ShouldBe("added"),
                added => added.Name.ShouldBe("Ação Café"),
                added => added.TimeZone.ShouldBe("America/Manaus")
            );
        (await database.ScalarAsync<string>("select concat_ws('|', name, status, time_zone) from tenant where slug = 'added'")).ShouldBe(
            "Ação Café|active|America/Manaus"
        );
        database.Directory.Find("added").ShouldBe(new Tenant("added", "Ação Café", TenantStatus.Active, "America/Manaus"));
        (await Tenants.ListAsync()).ShouldContain(tenant => tenant.Slug == "added");
    }

    [Fact]
    public async Task Data_processing_options_are_a_fact_and_survive_a_rebuild()
    {
        var california = new DataProcessing(["LDU"], 1, 1000);
        await Tenants.AddTenantAsync("limited", "Limited");

        (await Tenants.SetDataProcessingAsync("limited", california)).ShouldBeTrue();
        (await Tenants.SetDataProcessingAsync("limited", california)).ShouldBeFalse("there is nothing to change");
        await Tenants.RebuildRelationsAsync();

        var shown = (await Tenants.ShowAsync("limited")).Tenant.DataProcessing.ShouldNotBeNull();
        (shown.Options.Single(), shown.Country, shown.State).ShouldBe(("LDU", 1, 1000));
        (await Tenants.SetDataProcessingAsync("limited", null)).ShouldBeTrue();
        (await Tenants.ShowAsync("limited")).Tenant.DataProcessing.ShouldBeNull();
    }

    [Theory]
    [InlineData("LTU", 0, 0)]
    [InlineData("LDU", 1, 0)]
    [InlineData("LDU", 0, 1000)]
    [InlineData("LDU", -1, 5)]
    public async Task Data_processing_options_that_Meta_does_not_know_are_refused(string option, int country, int state)
    {
        await Tenants.AddTenantAsync($"refused-{option.ToLowerInvariant()}{country + 1}{state}", "Refused");

        var refused = await Should.ThrowAsync<TenantChangeRefusedException>(
            Tenants.SetDataProcessingAsync(
                $"refused-{option.ToLowerInvariant()}{country + 1}{state}",
                new DataProcessing([option], country, state)
            )
        );

        refused.Field.ShouldBe("data_processing");
    }

    [Fact]
    public async Task A_slug_is_taken_once_and_the_refusal_says_so()
    {
        await Tenants.AddTenantAsync("taken", "One");

        var refused = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.AddTenantAsync("taken", "One"));

        refused.Refusal.ShouldBe(TenantRefusal.Exists);
        refused.Field.ShouldBe("slug");
        refused.Message.ShouldContain("tenants show taken");
        (await database.FactsAsync("taken")).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Of_two_hosts_that_add_one_slug_at_once_one_wins_and_the_other_is_told()
    {
        await using var other = await database.StartAsync();

        var results = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(index => AddedAsync((index % 2 == 0 ? database.Host : other).Tenants()))
        );

        results.Count(added => added).ShouldBe(1);
        (await database.FactsAsync("raced")).Count.ShouldBe(1);

        static async Task<bool> AddedAsync(ITenantAdministration tenants)
        {
            try
            {
                await tenants.AddTenantAsync("raced", "Raced");
                return true;
            }
            catch (TenantChangeRefusedException refused) when (refused.Refusal == TenantRefusal.Exists)
            {
                return false;
            }
        }
    }

    [Theory]
    [InlineData("Ação Café", "acao-cafe")]
    [InlineData("-x", "x")]
    public async Task An_invalid_slug_is_refused_with_a_suggestion(string slug, string suggestion)
    {
        var refused = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.AddTenantAsync(slug, "Name"));

        refused.Field.ShouldBe("slug");
        refused.Message.ShouldContain($"'{suggestion}'");
    }

    [Theory]
    [InlineData("Sao Paulo")]
    [InlineData("E. South America Standard Time")]
    [InlineData("../../etc/passwd")]
    [InlineData("")]
    public async Task An_unknown_time_zone_is_refused(string timeZone)
    {
        var refused = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.AddTenantAsync("nowhere", "Name", timeZone));

        refused.Field.ShouldBe("time_zone");
        refused.Message.ShouldContain("America/Sao_Paulo");
        database.Directory.Find("nowhere").ShouldBeNull();
    }

    [Fact]
    public async Task A_tenant_is_suspended_and_activated_and_neither_twice()
    {
        await Tenants.AddTenantAsync("paused", "Paused");

        (await Tenants.SuspendAsync("paused", "unpaid")).ShouldBeTrue();
        (await Tenants.SuspendAsync("paused")).ShouldBeFalse();
        database.Directory.Find("paused")!.Status.ShouldBe(TenantStatus.Suspended);
        (await database.ScalarAsync<string>("select status from tenant where slug = 'paused'")).ShouldBe("suspended");

        (await Tenants.ActivateAsync("paused")).ShouldBeTrue();
        (await Tenants.ActivateAsync("paused")).ShouldBeFalse();
        database.Directory.Find("paused")!.Status.ShouldBe(TenantStatus.Active);
        (await database.FactsAsync("paused"))
            .Select(fact => fact.GetType().Name)
            .ShouldBe(["TenantAdded", "TenantSuspended", "TenantActivated"]);
    }

    [Fact]
    public async Task What_is_asked_of_an_unknown_tenant_is_refused_by_its_name()
    {
        Func<Task>[] asked =
        [
            () => Tenants.ShowAsync("ghost"),
            () => Tenants.SuspendAsync("ghost"),
            () => Tenants.ActivateAsync("ghost"),
            () => Tenants.RenameTenantAsync("ghost", "Ghost"),
            () => Tenants.AddFunnelAsync("ghost", "main"),
            () => Tenants.ListFunnelsAsync("ghost"),
            () => Tenants.SetGatewaySecretAsync("ghost", "hotmart", "secret"),
            () => Tenants.SetOriginsAsync("ghost", []),
            () => Tenants.SetAllowListAsync("ghost", "hotmart", []),
            () => Tenants.ListConnectionsAsync("ghost"),
            () => Tenants.SetPixelAsync("ghost", "123", "token"),
            () => Tenants.ListPixelsAsync("ghost"),
            () => database.Host.ApiKeys().AddAsync("ghost", "key"),
            () => database.Host.ApiKeys().ListAsync("ghost"),
        ];

        foreach (var ask in asked)
        {
            var refused = await Should.ThrowAsync<TenantChangeRefusedException>(ask);
            refused.Refusal.ShouldBe(TenantRefusal.NotFound);
            refused.Message.ShouldContain("'ghost'");
        }
        (await database.FactsAsync("ghost")).ShouldBeEmpty();
        database.Directory.Find("ghost").ShouldBeNull();
        database.Directory.FindConnection("ghost", "hotmart").ShouldBeNull();
        database.Directory.RoutePixels("ghost", "hotmart", "1").ShouldBeEmpty();
    }

    [Fact]
    public async Task Funnels_route_sales_and_the_last_default_counts()
    {
        await Tenants.AddTenantAsync("funnels", "Funnels");
        await Tenants.SetPixelAsync("funnels", "111", "token-1");
        await Tenants.AddFunnelAsync("funnels", "old-default", isDefault: true);
        await Tenants.AddFunnelAsync("funnels", "course", "The course", "Hotmart", "4711", "222");
        await Tenants.AddFunnelAsync("funnels", "main", isDefault: true);

        (await Tenants.ListFunnelsAsync("funnels"))
            .Select(funnel => (funnel.FunnelId, funnel.Name, funnel.Gateway, funnel.ProductId, funnel.PixelId, funnel.IsDefault))
            .ShouldBe([
                ("old-default", "old-default", null, null, null, false),
                ("course", "The course", "hotmart", "4711", "222", false),
                ("main", "main", null, null, null, true),
            ]);
        database.Directory.FindFunnel("funnels", "hotmart", "4711").ShouldBe("course");
        database.Directory.RoutePixels("funnels", "hotmart", "4711").ShouldBe(["222"]);
        database.Directory.FindFunnel("funnels", "kiwify", null).ShouldBe("main");
        database.Directory.RoutePixels("funnels", "kiwify", null).ShouldBe(["111"]);
    }

    [Fact]
    public async Task A_funnel_is_refused_where_its_id_or_its_sales_are_taken()
    {
        await Tenants.AddTenantAsync("rivals", "Rivals");
        await Tenants.AddFunnelAsync("rivals", "course", gateway: "hotmart", productId: "1");

        (await RefusalAsync(() => Tenants.AddFunnelAsync("rivals", "course", productId: "2"))).Field.ShouldBe("funnel");
        var rival = await RefusalAsync(() => Tenants.AddFunnelAsync("rivals", "again", gateway: "hotmart", productId: "1"));
        rival.Refusal.ShouldBe(TenantRefusal.Exists);
        rival.Message.ShouldContain("'course'");
        (await RefusalAsync(() => Tenants.AddFunnelAsync("rivals", "Não"))).Message.ShouldContain("'nao'");
        (await RefusalAsync(() => Tenants.AddFunnelAsync("rivals", "x", gateway: "paypal"))).Message.ShouldContain(
            "hotmart, kiwify, perfectpay, stripe"
        );
        (await RefusalAsync(() => Tenants.AddFunnelAsync("rivals", "x", pixelId: "12a"))).Field.ShouldBe("pixel");
        (await database.FactsAsync("rivals")).Count.ShouldBe(2);
    }

    [Fact]
    public async Task An_allow_list_is_kept_in_canonical_form_and_a_wrong_range_is_refused()
    {
        await Tenants.AddTenantAsync("lists", "Lists");
        await Tenants.SetGatewaySecretAsync("lists", "hotmart", "lists-secret");

        (
            await Tenants.SetAllowListAsync("lists", "hotmart", ["203.0.113.0/24", " 198.51.100.7 ", "2001:DB8::/32", "198.51.100.7/32"])
        ).ShouldBeTrue();
        (await Tenants.SetAllowListAsync("lists", "hotmart", ["2001:db8::/32", "198.51.100.7", "203.0.113.0/24"])).ShouldBeFalse();

        database
            .Directory.FindConnection("lists", "hotmart")!
            .AllowedNetworks.ShouldBe(["198.51.100.7/32", "2001:db8::/32", "203.0.113.0/24"]);
        foreach (var wrong in (string[])["203.0.113.0/33", "203.0.113", "10", "example.com", "", "1.2.3.4/x"])
        {
            var refused = await RefusalAsync(() => Tenants.SetAllowListAsync("lists", "hotmart", [wrong]));
            refused.Field.ShouldBe("allow");
            refused.Message.ShouldContain($"'{wrong}'");
        }
        (await Tenants.SetAllowListAsync("lists", "hotmart", [])).ShouldBeTrue();
        database.Directory.FindConnection("lists", "hotmart")!.AllowedNetworks.ShouldBeEmpty();
    }

    [Fact]
    public async Task Origins_are_kept_as_browsers_write_them()
    {
        await Tenants.AddTenantAsync("pages", "Pages");
        database.Directory.Find("pages")!.Origins.ShouldBeEmpty();

        (
            await Tenants.SetOriginsAsync(
                "pages",
                ["HTTPS://Loja.Example/", "https://*.cursos.example", "http://localhost:5173", "https://ação.example:443"]
            )
        ).ShouldBeTrue();
        (
            await Tenants.SetOriginsAsync(
                "pages",
                ["https://loja.example", "http://localhost:5173", "https://*.cursos.example", "https://ação.example"]
            )
        ).ShouldBeFalse();

        string[] kept = ["http://localhost:5173", "https://*.cursos.example", "https://loja.example", "https://xn--ao-siap.example"];
        database.Directory.Find("pages")!.Origins.ShouldBe(kept);
        (await Tenants.ShowAsync("pages")).Tenant.Origins.ShouldBe(kept);
        foreach (
            var wrong in (string[])
                [
                    "loja.example",
                    "https://",
                    "https://loja.example/checkout",
                    "*",
                    "https://*",
                    "ftp://loja.example",
                    "null",
                    "https://a@loja.example",
                    "https://a.*.example",
                    "",
                ]
        )
        {
            var refused = await RefusalAsync(() => Tenants.SetOriginsAsync("pages", [wrong]));
            refused.Field.ShouldBe("origin");
            refused.Message.ShouldContain($"'{wrong}'");
        }
        (await Tenants.SetOriginsAsync("pages", [])).ShouldBeTrue();
        database.Directory.Find("pages")!.Origins.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_list_without_a_secret_is_no_connection_yet()
    {
        await Tenants.AddTenantAsync("listed", "Listed");
        await Tenants.SetAllowListAsync("listed", "kiwify", ["203.0.113.0/24"]);

        database.Directory.FindConnection("listed", "kiwify").ShouldBeNull();
        var connection = (await Tenants.ListConnectionsAsync("listed")).Single();
        connection.Gateway.ShouldBe("kiwify");
        connection.SecretSetAt.ShouldBeNull();
        connection.AllowedNetworks.ShouldBe(["203.0.113.0/24"]);
    }

    [Fact]
    public async Task The_relations_are_the_same_after_a_rebuild_from_the_log()
    {
        await Tenants.AddTenantAsync("rebuilt", "Rebuilt");
        await Tenants.RenameTenantAsync("rebuilt", "Renamed");
        await Tenants.AddFunnelAsync("rebuilt", "one", isDefault: true);
        await Tenants.AddFunnelAsync("rebuilt", "two", isDefault: true);
        await Tenants.SetAllowListAsync("rebuilt", "hotmart", ["203.0.113.0/24"]);
        await Tenants.SetOriginsAsync("rebuilt", ["https://loja.example"]);
        await Tenants.SuspendAsync("rebuilt");
        const string Rows = """
            select string_agg(r, E'\n' order by r)
            from (select t::text r from tenant t union all select f::text from funnel f union all select c::text from gateway_connection c) x
            """;
        var before = await database.ScalarAsync<string>(Rows);

        await database.ExecuteAsync(
            "update tenant set name = 'damaged'; delete from funnel; delete from gateway_connection where tenant_id = 'rebuilt'"
        );
        var tenants = await Tenants.RebuildRelationsAsync();

        tenants.ShouldBe((await Tenants.ListAsync()).Count);
        (await database.ScalarAsync<string>(Rows)).ShouldBe(before);
        before.ShouldContain("Renamed");
    }

    private static Task<TenantChangeRefusedException> RefusalAsync(Func<Task> ask) => Should.ThrowAsync<TenantChangeRefusedException>(ask);
}
