using TrackAi.Contracts;

namespace TrackAi.Analytics.Tests;

/// <summary>Why sales are unmatched: ranked, by funnel and campaign, in words somebody can act on.</summary>
public sealed class MatchReasonTests(ApiHost api) : IClassFixture<ApiHost>
{
    private readonly string tenant = api.NewTenant();

    [Fact]
    public async Task The_most_frequent_cause_is_told_first_and_names_the_funnel_and_the_campaign()
    {
        for (var order = 1; order <= 3; order++)
            await DecideAsync($"N{order}", WithoutToken, "course", "lancamento");
        await DecideAsync("T1", TokenOfNobody, "course", "perpetuo");
        await DecideAsync("M1", Matched, "course", "lancamento");
        await DecideAsync("TEST", sale => WithoutToken(sale) with { IsTest = true }, "course", "lancamento");
        await api.CaughtUpAsync();

        var rate = await GetAsync();
        rate.Each("unmatchedReasons", "cause").ShouldBe(["no_click_token", "click_not_captured"]);
        rate.Each("unmatchedReasons", "text")
            .ShouldBe([
                "75 % came without any click token: the checkout links are not decorated.",
                "25 % carried the token of a click that never reached us: on the pages the pixel is blocked, or left before it has sent.",
            ]);
        rate.At("unmatchedReasons.0.conversions").ShouldBe("3");
        rate.At("unmatchedReasons.0.sharePct").ShouldBe("75");
        rate.At("unmatchedReasons.0.places.0.text")
            .ShouldBe("75 % came without any click token: the checkout links of funnel course are not decorated.");
        rate.At("unmatchedReasons.0.places.1.text")
            .ShouldBe("100 % came without any click token: the checkout links of campaign lancamento are not decorated.");
    }

    [Fact]
    public async Task A_sale_that_is_decided_anew_leaves_the_cause_it_had()
    {
        var sale = Facts.Received(tenant, "A1");
        await AppendAsync(sale, sale, WithoutToken(sale));
        await api.CaughtUpAsync();
        (await GetAsync()).Each("unmatchedReasons", "cause").ShouldBe(["no_click_token"]);

        await AppendAsync(sale, Matched(sale) with { Reopened = new("late_click", "click-tk1_abc", null, null, "no_click_found") });
        await api.CaughtUpAsync();

        (await GetAsync()).Each("unmatchedReasons", "cause").ShouldBeEmpty();
        (
            await api.RowsAsync(
                "select matched, cause, reopened_by, explanation from match_log where tenant_id = $1 order by sequence",
                tenant
            )
        ).ShouldBe([
            "false | no_click_token | - | Joined to no click: none was captured with any of its identifiers. No tracking field carried the click token: with it in the checkout's link the sale would have been joined to its click. So it would by fbp, had the sale brought it.",
            "true | - | late_click | Joined to click tk1_abc of 2025-11-20 13:00:00 UTC by fbp, score 0.85. Decided anew because of a click that reached us late (click-tk1_abc): before, it was joined to no click.",
        ]);
        (
            await api.RowsAsync(
                "select sum(conversions), bool_and(matched) from match_reason_daily where tenant_id = $1 and conversions <> 0",
                tenant
            )
        ).ShouldBe(["1 | true"]);
    }

    [Fact]
    public async Task The_daily_view_keeps_its_columns_and_tells_gateway_rule_and_revenue_beside()
    {
        var (one, two, three) = (Facts.Received(tenant, "D1"), Facts.Received(tenant, "D2", currency: "USD"), Facts.Received(tenant, "D3"));
        await AppendAsync(one, one, Facts.Matched(one));
        await AppendAsync(two, two, Facts.Matched(two, rule: MatchRule.EmailHash));
        await AppendAsync(three, three, WithoutToken(three));
        await api.CaughtUpAsync();

        (
            await api.RowsAsync(
                "select day, conversions, matched, unmatched, match_rate, by_gateway, by_rule, revenue_matched, revenue_unmatched from v_match_rate_by_tenant where tenant_id = $1",
                tenant
            )
        ).ShouldBe([
            """2025-11-20 | 3 | 2 | 1 | 66.67 | {"hotmart": 66.67} | {"fbp": 1, "email_hash": 1} | {"BRL": 197, "USD": 197} | {"BRL": 197}""",
        ]);
        (
            await api.RowsAsync(
                "select day, gateway, rule, currency, conversions, revenue from v_match_rate_daily where tenant_id = $1 order by rule",
                tenant
            )
        ).ShouldBe([
            "2025-11-20 | hotmart | email_hash | USD | 1 | 197",
            "2025-11-20 | hotmart | fbp | BRL | 1 | 197",
            "2025-11-20 | hotmart | unmatched | BRL | 1 | 197",
        ]);
        (await api.RowsAsync("select cause, conversions, share_of_day from v_unmatched_reasons where tenant_id = $1", tenant)).ShouldBe([
            "no_click_token | 1 | 100.00",
        ]);
        var rate = await GetAsync();
        rate.Each("gateways", "rule").ShouldBe(["email_hash", "fbp", "unmatched"]);
        rate.At("gateways.0.revenue").ShouldBe("""{"USD":197}""");
    }

    [Fact]
    public async Task The_timeline_says_that_a_sale_is_not_sent_again_when_a_late_click_explains_it()
    {
        var (sent, waiting) = (Facts.Received(tenant, "S1"), Facts.Received(tenant, "S2"));
        foreach (var sale in (ConversionReceived[])[sent, waiting])
        {
            var dispatch = Facts.Requested(sale);
            await AppendAsync(sale, sale, WithoutToken(sale), dispatch);
            if (sale == sent)
                await AppendAsync(sale, Facts.Sent(dispatch));
            await AppendAsync(sale, Facts.Matched(sale) with { Reopened = new("late_visit", "checkout-1", null, null, "no_click_found") });
        }

        (await DetailsAsync("S1"))[^1].ShouldBe("Meta had confirmed the sale before: it is not sent again, this is for the reports.");
        (await DetailsAsync("S2"))[^1].ShouldBe("The sale had not been confirmed by Meta yet: what is sent from here on knows it.");
    }

    [Fact]
    public async Task A_guess_first_and_last_touch_and_what_is_missing_are_told()
    {
        var sale = Facts.Received(tenant, "G1");
        await AppendAsync(
            sale,
            sale,
            Facts.Matched(sale) with
            {
                IsProbabilistic = true,
                Touch = "last",
                FirstTouch = new("tk1_first", MatchRule.EmailHash, sale.OccurredAt.AddDays(-3)),
                LastTouch = new("tk1_abc", MatchRule.Fbp, sale.OccurredAt.AddHours(-2)),
                Missing = [MatchRule.ClickToken, MatchRule.Fbclid],
            }
        );

        (await DetailsAsync("G1")).ShouldBe([
            "It is a guess and counts in the reports only: nothing of the click's browser is sent to Meta.",
            "The first touch was click tk1_first of 2025-11-17 15:00:00 UTC by e-mail, the last one click tk1_abc of 2025-11-20 13:00:00 UTC; the rules count the last one.",
            "The sale came without click token and fbclid: any of them would have joined it more surely.",
        ]);
    }

    [Fact]
    public async Task What_was_sent_tells_its_match_quality_and_what_would_raise_it()
    {
        var sale = Facts.Received(tenant, "Q1");
        var dispatch = Facts.Requested(sale);
        await AppendAsync(
            sale,
            sale,
            Facts.Matched(sale),
            dispatch,
            Facts.Sent(dispatch) with
            {
                Quality = new(4, ["em", "ph"], ["fbc", "fbp"]),
            }
        );
        await api.CaughtUpAsync();

        (await api.GetAsync("conversions/hotmart-Q1/timeline", ApiHost.KeyOf(tenant)))
            .At("steps.3.details")
            .ShouldBe("""["Match quality, by our estimate: 4 of 10, by em, ph; fbc, fbp would raise it."]""");
        (await api.RowsAsync("select match_quality, identifiers from dispatch_attempt where tenant_id = $1", tenant)).ShouldBe([
            "4 | [\"em\", \"ph\"]",
        ]);
    }

    private async Task<IReadOnlyList<string>> DetailsAsync(string order) =>
        [
            .. (await api.GetAsync($"conversions/hotmart-{order}/timeline", ApiHost.KeyOf(tenant)))
                .Json.GetProperty("steps")
                .EnumerateArray()
                .Last(step => step.GetProperty("type").GetString() == "conversion_matched")
                .GetProperty("details")
                .EnumerateArray()
                .Select(detail => detail.GetString()!),
        ];

    private Task<Answer> GetAsync() => api.GetAsync("match-rate?from=2025-11-20&to=2025-11-20", ApiHost.KeyOf(tenant));

    private async Task DecideAsync(string order, Func<ConversionReceived, object> decide, string funnel, string campaign)
    {
        var sale = Facts.Received(tenant, order);
        await AppendAsync(
            sale,
            sale,
            decide(sale) switch
            {
                ConversionMatched matched => matched with { FunnelId = funnel, UtmCampaign = campaign, ReceivedAt = sale.ReceivedAt },
                ConversionUnmatched unmatched => unmatched with { FunnelId = funnel, UtmCampaign = campaign, ReceivedAt = sale.ReceivedAt },
                var other => other,
            }
        );
    }

    private Task AppendAsync(ConversionReceived sale, params object[] events) =>
        api.AppendAsync(tenant, Streams.Conversion(sale.ConversionId), events);

    private static ConversionMatched Matched(ConversionReceived sale) => Facts.Matched(sale);

    private static ConversionUnmatched WithoutToken(ConversionReceived sale) =>
        Facts.Unmatched(sale) with
        {
            Tried = [new(MatchRule.ClickToken, "no_identifier", 0), new(MatchRule.EmailHash, "not_found", 0)],
            Missing = [MatchRule.ClickToken, MatchRule.Fbp],
        };

    private static ConversionUnmatched TokenOfNobody(ConversionReceived sale) =>
        Facts.Unmatched(sale) with
        {
            Tried = [new(MatchRule.ClickToken, "not_found", 0)],
        };
}
