using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching.Tests;

public sealed class MatchConversionsTests(MatchingDatabase database) : IClassFixture<MatchingDatabase>
{
    private const string Fbclid = "IwZXh0bgNhZW0BMEXEMPLO_";

    [Theory]
    [InlineData(MatchRule.Fbclid)]
    [InlineData(MatchRule.Fbc)]
    [InlineData(MatchRule.Fbp)]
    [InlineData(MatchRule.EmailHash)]
    [InlineData(MatchRule.PhoneHash)]
    [InlineData(MatchRule.ExternalId)]
    public async Task A_sale_finds_its_click_by_each_identifier(MatchRule rule)
    {
        var person = PersonWith(rule);
        var click = await database.ClickAsync(person);
        await database.MatchAsync();
        var sale = await database.SaleAsync(person);
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();
        matched.ClickId.ShouldBe(click);
        // A click cookie carries the click's id, which is the stronger of the two.
        matched.Rule.ShouldBe(rule == MatchRule.Fbc ? MatchRule.Fbclid : rule);
    }

    [Fact]
    public async Task A_sale_finds_its_click_by_our_token_alone()
    {
        var click = await database.ClickAsync(new Person());
        var sale = await database.SaleAsync(new Person(), click);
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule).ShouldBe((click, MatchRule.ClickToken));
    }

    [Fact]
    public async Task Of_several_tokens_each_is_looked_up_and_the_last_click_before_the_sale_counts()
    {
        var older = await database.ClickAsync(new Person(), MatchingDatabase.Noon.AddDays(-2));
        var newer = await database.ClickAsync(new Person(), MatchingDatabase.Noon.AddDays(-1));
        var both = await database.SaleAsync(new Person(), older, otherClickId: newer);
        var never = await database.SaleAsync(new Person(), ClickToken.New(), otherClickId: older);
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(both)).ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule).ShouldBe((newer, MatchRule.ClickToken));
        matched.Candidates.Select(candidate => (candidate.ClickId, candidate.Reason)).ShouldBe([(newer, "won"), (older, "older_touch")]);
        (await database.DecisionAsync(never)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(older);
    }

    [Fact]
    public async Task An_email_given_at_a_checkout_that_knows_its_click_leads_a_later_sale_to_that_click()
    {
        var click = await database.ClickAsync(new Person());
        await database.CheckoutAsync(new Person { Email = "checkout@example.com" }, click);
        var sale = await database.SaleAsync(new Person { Email = "Checkout@Example.com " });
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule).ShouldBe((click, MatchRule.EmailHash));
    }

    [Fact]
    public async Task A_checkout_without_a_token_knows_its_click_by_Metas_cookie()
    {
        var click = await database.ClickAsync(new Person { Fbp = "fb.1.1793890500123.1000000001" });
        await database.CheckoutAsync(new Person { Fbp = "fb.1.1793890500123.1000000001", Phone = "11987650001" });
        var sale = await database.SaleAsync(new Person { Phone = "+55 11 98765-0001" });
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule).ShouldBe((click, MatchRule.PhoneHash));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_email_of_a_matched_sale_leads_the_next_sale_to_the_same_click_in_one_page_or_in_two(bool onePage)
    {
        var buyer = new Person { Email = $"again-{onePage}@example.com" };
        var click = await database.ClickAsync(new Person());
        await database.SaleAsync(buyer, click);
        if (!onePage)
            await database.MatchAsync();
        var next = await database.SaleAsync(buyer, at: MatchingDatabase.Noon.AddHours(5));
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(next)).ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule).ShouldBe((click, MatchRule.EmailHash));
    }

    // A shop that types its own phone for everybody: what each sale looks at must not grow with how often that was told.
    [Fact]
    public async Task Hundreds_of_sales_with_one_phone_and_one_browser_are_all_decided_by_its_click()
    {
        var shop = new Person { Phone = "11987650077", Fbp = "fb.1.1793890500123.1000000077" };
        var click = await database.ClickAsync(shop);
        var sales = new List<StreamId>();
        for (var sale = 0; sale < 300; sale++)
            sales.Add(await database.SaleAsync(shop, at: MatchingDatabase.Noon.AddSeconds(sale)));
        await database.MatchAsync();

        foreach (var sale in (StreamId[])[sales[0], sales[150], sales[^1]])
        {
            var matched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();
            (matched.ClickId, matched.Rule, matched.Candidates.Count).ShouldBe((click, MatchRule.Fbp, 2));
        }
    }

    [Fact]
    public async Task A_click_of_another_tenant_is_never_a_candidate()
    {
        var person = new Person { Email = "shared@example.com", Fbp = "fb.1.1793890500123.1000000002" };
        var foreign = await database.ClickAsync(person, tenant: "globex");
        await database.CheckoutAsync(person, foreign, tenant: "globex");
        var sale = await database.SaleAsync(person, foreign);
        await database.MatchAsync();

        var unmatched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionUnmatched>();
        unmatched.Reason.ShouldBe("no_click_found");
        unmatched.Candidates.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_same_token_in_two_tenants_is_two_clicks()
    {
        var token = ClickToken.New();
        await database.ClickAsync(new Person(), MatchingDatabase.Noon.AddHours(-2), "globex", token);
        await database.ClickAsync(new Person(), MatchingDatabase.Noon.AddHours(-1), "acme", token);
        var sale = await database.SaleAsync(new Person(), token);
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>().ClickedAt.ShouldBe(MatchingDatabase.Noon.AddHours(-1));
    }

    [Fact]
    public async Task A_click_made_after_the_sale_never_explains_it()
    {
        var person = new Person { Fbp = "fb.1.1793890500123.1000000004" };
        await database.ClickAsync(person, MatchingDatabase.Noon.AddMinutes(5));
        var sale = await database.SaleAsync(person);
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionUnmatched>().Reason.ShouldBe("only_clicks_after_the_sale");
    }

    [Fact]
    public async Task A_sale_whose_buyer_was_erased_before_it_was_matched_is_decided_without_a_match()
    {
        var person = new Person { Email = "erased@example.com" };
        await database.ClickAsync(person);
        var sale = await database.SaleAsync(person);
        await database.ExecuteAsync(
            "update stream_key set wrapped_key = null, destroyed_at = now() where tenant_id = $1 and stream_id = $2",
            sale.TenantId,
            sale.Id
        );
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionUnmatched>().Reason.ShouldBe("no_identifier");
    }

    [Fact]
    public async Task A_sale_whose_buyer_is_damaged_is_decided_by_its_token_and_stops_nobody()
    {
        var click = await database.ClickAsync(new Person());
        var byToken = await database.SaleAsync(new Person { Email = "damaged@example.com" }, click);
        var without = await database.SaleAsync(new Person { Email = "damaged2@example.com" });
        var next = await database.SaleAsync(new Person(), click);
        await database.ExecuteAsync(
            "update stream_key set wrapped_key = set_byte(wrapped_key, 20, get_byte(wrapped_key, 20) # 1) where tenant_id = $1 and stream_id in ($2, $3)",
            byToken.TenantId,
            byToken.Id,
            without.Id
        );
        await database.MatchAsync();

        (await database.DecisionAsync(byToken)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);
        (await database.DecisionAsync(without)).ShouldBeOfType<ConversionUnmatched>().Reason.ShouldBe("unreadable");
        (await database.DecisionAsync(next)).ShouldBeOfType<ConversionMatched>();
    }

    [Fact]
    public async Task The_click_before_the_sale_is_found_behind_any_number_of_clicks_after_it()
    {
        var person = new Person { Fbp = "fb.1.1793890500123.1000000044" };
        var click = await database.ClickAsync(person, MatchingDatabase.Noon.AddHours(-3));
        var first = await database.ClickAsync(person, MatchingDatabase.Noon.AddDays(-3));
        for (var later = 1; later <= 25; later++)
            await database.ClickAsync(person, MatchingDatabase.Noon.AddMinutes(1 + later));
        for (var before = 1; before <= 25; before++)
            await database.ClickAsync(person, MatchingDatabase.Noon.AddDays(-2).AddMinutes(before));
        var sale = await database.SaleAsync(person);
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.FirstTouch!.ClickId).ShouldBe((click, first));
        matched.Tried.Single(tried => tried.Rule == MatchRule.Fbp).HasMore.ShouldBe(true);
    }

    [Theory]
    [InlineData("src", "{0}")]
    [InlineData("sck", "FBhQwK21wXxRcampanhahQwK21wXxRconjunto|123456hQwK21wXxRanuncio{0}hQwK21wXxRfeed")]
    [InlineData("xcod", "x{0}")]
    [InlineData("utm_content", "anuncio|{0}")]
    public async Task A_token_is_found_in_every_tracking_field_whatever_is_packed_around_it(string field, string packed)
    {
        var click = await database.ClickAsync(new Person());
        var value = string.Format(System.Globalization.CultureInfo.InvariantCulture, packed, click);
        var campaign = field switch
        {
            "src" => Campaign.None with { Src = value },
            "sck" => Campaign.None with { Sck = value },
            "xcod" => Campaign.None with { Xcod = value },
            _ => Campaign.None with { UtmContent = value },
        };
        var sale = await database.SaleAsync(new Person(), campaign: campaign);
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);
    }

    [Fact]
    public async Task A_sale_knows_its_click_by_the_id_that_another_tracking_script_gave_the_visitor()
    {
        var click = await database.ClickAsync(new Person(), campaign: Campaign.None with { UtmSource = "FBjLj60123456789abcdef01234567" });
        var sale = await database.SaleAsync(
            new Person(),
            campaign: Campaign.None with
            {
                Sck = "FBjLj60123456789abcdef01234567hQwK21wXxRx",
            }
        );
        await database.MatchAsync();

        var matched = (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule).ShouldBe((click, MatchRule.TrackingId));
    }

    [Fact]
    public async Task The_tables_hold_no_identifier_in_the_clear()
    {
        await database.ClickAsync(new Person { Email = "clear@example.com", Phone = "11987650009" });
        await database.MatchAsync();

        (
            await database.ScalarAsync<long>(
                "select count(*) from match_key where (rule <> 0 and length(hash) <> 32) or position('clear'::bytea in hash) > 0 or position('98765'::bytea in hash) > 0"
            )
        ).ShouldBe(0);
    }

    private static Person PersonWith(MatchRule rule) =>
        rule switch
        {
            MatchRule.Fbclid => new Person { Fbclid = $"{Fbclid}1" },
            MatchRule.Fbc => new Person { Fbc = $"fb.1.1793890500120.{Fbclid}2" },
            MatchRule.Fbp => new Person { Fbp = "fb.1.1793890500123.1432567890" },
            MatchRule.EmailHash => new Person { Email = "ana@example.com" },
            MatchRule.PhoneHash => new Person { Phone = "11987654321" },
            MatchRule.ExternalId => new Person { ExternalId = "customer-4711" },
            _ => new Person(),
        };
}
