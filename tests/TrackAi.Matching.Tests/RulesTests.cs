using TrackAi.Contracts;

namespace TrackAi.Matching.Tests;

/// <summary>Rules are data: shown, tried without changing anything, and activated as an event.</summary>
public sealed class RulesTests : IAsyncLifetime
{
    private readonly MatchingDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Without_any_activation_the_rules_are_the_ones_built_in()
    {
        var rules = await database.Rules.ShowAsync();

        (rules.Version, rules.ActivatedAt).ShouldBe((1, null));
        rules.Rules.Policy.Rules.Select(rule => rule.Rule).ShouldBe(MatchingDatabase.BuiltIn.Policy.Rules.Select(rule => rule.Rule));
    }

    [Fact]
    public async Task Activated_rules_decide_the_sales_that_come_after_and_what_is_decided_stays()
    {
        var person = new Person { Phone = "11987650101" };
        await database.ClickAsync(person);
        var before = await database.SaleAsync(person);
        var activated = await database.Rules.ActivateAsync(Without(MatchRule.PhoneHash), "test");
        var after = await database.SaleAsync(person);
        await database.MatchAsync();

        activated.Version.ShouldBe(2);
        (await database.DecisionAsync(before)).ShouldBeOfType<ConversionMatched>().RuleVersion.ShouldBe(1);
        (await database.DecisionAsync(after)).ShouldBeOfType<ConversionUnmatched>().RuleVersion.ShouldBe(2);
    }

    [Fact]
    public async Task What_comes_late_is_judged_by_the_rules_that_its_sale_came_under()
    {
        var person = new Person { Phone = "11987650102" };
        var sale = await database.SaleAsync(person);
        await database.Rules.ActivateAsync(Without(MatchRule.PhoneHash), "test");
        var click = await database.ClickAsync(person);
        await database.MatchAsync();

        var matched = (await database.DecisionsAsync(sale))[^1].ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.RuleVersion).ShouldBe((click, 1));
    }

    [Fact]
    public async Task A_funnel_and_a_tenant_may_have_rules_of_their_own()
    {
        var strict = new MatchPolicy(MatchTouch.Last, [new(MatchRule.ClickToken, 1, TimeSpan.FromDays(1))]);
        await database.Rules.ActivateAsync(
            MatchingDatabase.BuiltIn with
            {
                Overrides =
                [
                    new("globex", null, strict),
                    new("initech", "course", strict),
                    new("initech", null, MatchingDatabase.BuiltIn.Policy),
                    new("umbrella", "other", strict),
                ],
            },
            "test"
        );
        var person = new Person { Email = "override@example.com" };
        var sales = new Dictionary<string, EventStore.StreamId>();
        foreach (var tenant in (string[])["acme", "globex", "initech", "umbrella"])
        {
            await database.ClickAsync(person, tenant: tenant);
            sales[tenant] = await database.SaleAsync(person, tenant: tenant);
        }

        await database.MatchAsync();

        (await database.DecisionAsync(sales["acme"])).ShouldBeOfType<ConversionMatched>();
        (await database.DecisionAsync(sales["globex"])).ShouldBeOfType<ConversionUnmatched>();
        (await database.DecisionAsync(sales["initech"])).ShouldBeOfType<ConversionUnmatched>();
        (await database.DecisionAsync(sales["umbrella"])).ShouldBeOfType<ConversionMatched>();
    }

    [Fact]
    public async Task Activating_the_same_rules_again_is_no_new_version()
    {
        await database.Rules.ActivateAsync(Without(MatchRule.PhoneHash), "test");

        (await database.Rules.ActivateAsync(Without(MatchRule.PhoneHash), "test")).Version.ShouldBe(2);
        (await database.Rules.ActivateAsync(Without(MatchRule.EmailHash), "test")).Version.ShouldBe(3);
    }

    [Fact]
    public async Task Rules_that_cannot_be_used_are_refused_by_name()
    {
        var rule = new MatchRuleSetting(MatchRule.ClickToken, 1, TimeSpan.FromDays(7));
        (string Said, MatchPolicy Policy)[] wrong =
        [
            ("policy.rules.ClickToken.score", new(MatchTouch.Last, [rule with { Score = 1.1 }])),
            ("policy.rules.ClickToken.window", new(MatchTouch.Last, [rule with { Window = TimeSpan.FromDays(91) }])),
            ("ClickToken is there twice", new(MatchTouch.Last, [rule, rule])),
            ("Fbc is told by Fbclid", new(MatchTouch.Last, [rule with { Rule = MatchRule.Fbc }])),
            ("at least one rule", new(MatchTouch.Last, [])),
        ];
        foreach (var (said, policy) in wrong)
            (
                await Should.ThrowAsync<MatchRulesRefusedException>(database.Rules.ActivateAsync(new("x", policy, []), "test"))
            ).Message.ShouldContain(said);
        (await database.Rules.ShowAsync()).Version.ShouldBe(1);
    }

    [Fact]
    public async Task What_if_tells_gains_and_losses_with_campaign_and_value_and_changes_nothing()
    {
        var (byPhone, byEmail) = (new Person { Phone = "11987650103" }, new Person { Email = "old-click@example.com" });
        var lost = await database.ClickAsync(byPhone, campaign: Campaign.None with { UtmCampaign = "lancamento" });
        var gained = await database.ClickAsync(
            byEmail,
            MatchingDatabase.Noon.AddDays(-20),
            campaign: Campaign.None with
            {
                UtmCampaign = "perpetuo",
            }
        );
        await database.SaleAsync(byPhone, orderId: "lost");
        await database.SaleAsync(byEmail, orderId: "gained");
        await database.SaleAsync(new Person { Email = "nobody@example.com" }, orderId: "same");
        await database.MatchAsync();
        var log = await database.Store.ReadHighWaterMarkAsync();

        var others = Without(MatchRule.PhoneHash);
        others = others with
        {
            Policy = others.Policy with
            {
                Rules =
                [
                    .. others.Policy.Rules.Select(rule =>
                        rule.Rule == MatchRule.EmailHash ? rule with { Window = TimeSpan.FromDays(30) } : rule
                    ),
                ],
            },
        };
        var report = await database.Rules.WhatIfAsync(others, tenant: null, from: null, to: null, (_, _) => { });

        (report.Sales, report.Matched, report.WouldMatch).ShouldBe((3, 1, 1));
        report
            .Differences.Select(one => (one.ConversionId, one.Kind, one.WasClickId ?? one.WouldClickId, one.Campaign, one.Value))
            .ShouldBe([
                ("perfectpay-lost", "lost", lost, "lancamento", new Money(147.90m, "BRL")),
                ("perfectpay-gained", "gained", gained, "perpetuo", new Money(147.90m, "BRL")),
            ]);
        (await database.Store.ReadHighWaterMarkAsync()).ShouldBe(log);
        (await database.Rules.WhatIfAsync(others, "globex", null, null, (_, _) => { })).Sales.ShouldBe(0);
        (await database.Rules.WhatIfAsync(others, null, MatchingDatabase.Noon.AddDays(1), null, (_, _) => { })).Sales.ShouldBe(0);
    }

    [Fact]
    public async Task What_if_says_which_sales_it_could_not_judge_and_which_only_in_part()
    {
        var noon = MatchingDatabase.Noon;
        foreach (var days in (int[])[0, 89, 91, 96, 98, 200])
            await database.SaleAsync(new Person { Email = "old@example.com" }, at: noon.AddDays(-days), tenant: "initech");
        await database.MatchAsync();

        var report = await database.Rules.WhatIfAsync(Without(MatchRule.PhoneHash), "initech", from: null, to: null, (_, _) => { });

        (report.Sales, report.PartlyJudged, report.NotJudged).ShouldBe((4, 2, 2));
        report.CompleteFrom.ShouldBe(noon.AddMinutes(10).AddDays(-97));
    }

    [Fact]
    public async Task Rules_in_the_shadow_are_tried_on_what_comes_and_decide_nothing()
    {
        await database.Rules.ShadowAsync(Without(MatchRule.PhoneHash));
        var person = new Person { Phone = "11987650104" };
        var click = await database.ClickAsync(person);
        var sale = await database.SaleAsync(person);
        await database.SaleAsync(new Person { Email = "elsewhere@example.com" });
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);
        var report = (await database.Rules.ShadowReportAsync()).ShouldNotBeNull();
        (report.Sales, report.Matched, report.WouldMatch).ShouldBe((2, 1, 0));
        report.Differences.Select(one => (one.Kind, one.Was, one.WasClickId)).ShouldBe([("lost", MatchRule.PhoneHash, click)]);

        await database.Rules.ShadowAsync(null);
        (await database.Rules.ShadowReportAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Look_ups_older_than_any_window_are_forgotten_and_the_others_stay()
    {
        var person = new Person { Email = "aging@example.com", Fbp = "fb.1.1793890500123.4000000001" };
        await database.ClickAsync(person, MatchingDatabase.Noon.AddDays(-98));
        var kept = await database.ClickAsync(person, MatchingDatabase.Noon.AddDays(-89));
        await database.SaleAsync(person, at: MatchingDatabase.Noon.AddDays(-98));
        await database.MatchAsync();

        (await database.ForgetAsync()).ShouldBeGreaterThan(0);
        (await database.ScalarAsync<string[]>("select array_agg(distinct click_id::text) from match_key")).ShouldBe([kept]);
        (await database.ScalarAsync<long>("select (select count(*) from match_link) + (select count(*) from match_open)")).ShouldBe(0);
        (await database.ForgetAsync()).ShouldBe(0);
    }

    private static MatchRuleSet Without(MatchRule rule) =>
        MatchingDatabase.BuiltIn with
        {
            Name = $"without {rule}",
            Policy = MatchingDatabase.BuiltIn.Policy with
            {
                Rules = [.. MatchingDatabase.BuiltIn.Policy.Rules.Where(one => one.Rule != rule)],
            },
        };
}
