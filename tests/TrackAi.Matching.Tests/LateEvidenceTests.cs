using TrackAi.Contracts;

namespace TrackAi.Matching.Tests;

/// <summary>What comes after the sale: the decision is made again when it comes to another answer, and told as a new one.</summary>
public sealed class LateEvidenceTests(MatchingDatabase database) : IClassFixture<MatchingDatabase>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_click_that_reaches_us_after_its_sale_is_joined_to_it_in_one_page_or_in_two(bool onePage)
    {
        var person = new Person { Fbp = onePage ? "fb.1.1793890500123.2000000001" : "fb.1.1793890500123.2000000002" };
        var sale = await database.SaleAsync(person);
        if (!onePage)
            await database.MatchAsync();
        var click = await database.ClickAsync(person);
        await database.MatchAsync();

        var decisions = await database.DecisionsAsync(sale);
        decisions.Count.ShouldBe(2);
        decisions[0].ShouldBeOfType<ConversionUnmatched>().Reason.ShouldBe("no_click_found");
        var matched = decisions[1].ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule).ShouldBe((click, MatchRule.Fbp));
        matched.Reopened.ShouldBe(new MatchReopened("late_click", $"click-{click}", null, null, "no_click_found"));
    }

    [Fact]
    public async Task A_click_made_after_the_sale_does_not_open_it_again()
    {
        var person = new Person { Fbp = "fb.1.1793890500123.2000000003" };
        var sale = await database.SaleAsync(person);
        await database.ClickAsync(person, MatchingDatabase.Noon.AddMinutes(5));
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionUnmatched>();
    }

    [Fact]
    public async Task A_checkout_that_reaches_us_after_the_sale_leads_it_to_the_click()
    {
        var click = await database.ClickAsync(new Person { Fbp = "fb.1.1793890500123.2000000004" });
        var sale = await database.SaleAsync(new Person { Email = "late-checkout@example.com" });
        await database.CheckoutAsync(new Person { Email = "late-checkout@example.com", Fbp = "fb.1.1793890500123.2000000004" });
        await database.MatchAsync();

        var matched = (await database.DecisionsAsync(sale))[^1].ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule, matched.Reopened!.Cause).ShouldBe((click, MatchRule.EmailHash, "late_visit"));
        matched.Candidates.Single().ByLink.ShouldBe(true);
    }

    [Fact]
    public async Task The_click_behind_a_checkout_may_be_the_last_to_come()
    {
        var sale = await database.SaleAsync(new Person { Email = "last@example.com" });
        await database.CheckoutAsync(new Person { Email = "last@example.com", Fbp = "fb.1.1793890500123.2000000005" });
        var click = await database.ClickAsync(new Person { Fbp = "fb.1.1793890500123.2000000005" });
        await database.MatchAsync();

        (await database.DecisionsAsync(sale))[^1].ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_token_that_only_a_later_delivery_brings_joins_the_sale(bool onePage)
    {
        var click = await database.ClickAsync(new Person());
        var sale = await database.SaleAsync(new Person { Email = $"second-{onePage}@example.com" }, state: PaymentState.Pending);
        if (!onePage)
            await database.MatchAsync();
        await database.DeliverAgainAsync(sale, new Person { Email = $"second-{onePage}@example.com" }, click);
        await database.MatchAsync();

        var decisions = await database.DecisionsAsync(sale);
        decisions.Count.ShouldBe(2);
        var matched = decisions[1].ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Rule, matched.Reopened!.Cause).ShouldBe((click, MatchRule.ClickToken, "second_delivery"));
    }

    [Fact]
    public async Task A_later_delivery_that_knows_nothing_more_decides_nothing()
    {
        var sale = await database.SaleAsync(new Person { Email = "nothing-new@example.com" }, state: PaymentState.Pending);
        await database.DeliverAgainAsync(sale, new Person { Email = "nothing-new@example.com" });
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionUnmatched>();
    }

    [Fact]
    public async Task A_weak_match_gives_way_to_a_stronger_one_that_comes_late()
    {
        var person = new Person { Email = "weak@example.com", Fbp = "fb.1.1793890500123.2000000006" };
        var weak = await database.ClickAsync(new Person { Email = person.Email });
        var sale = await database.SaleAsync(person);
        var strong = await database.ClickAsync(new Person { Fbp = person.Fbp }, MatchingDatabase.Noon.AddDays(-1));
        await database.MatchAsync();

        var decisions = await database.DecisionsAsync(sale);
        decisions[0].ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(weak);
        var matched = decisions[^1].ShouldBeOfType<ConversionMatched>();
        matched.ClickId.ShouldBe(strong);
        matched.Reopened.ShouldBe(new MatchReopened("late_click", $"click-{strong}", MatchRule.EmailHash, weak, null));
    }

    [Fact]
    public async Task Nothing_opens_a_sale_again_that_its_own_token_joined()
    {
        var person = new Person { Fbp = "fb.1.1793890500123.2000000007" };
        var click = await database.ClickAsync(person, MatchingDatabase.Noon.AddDays(-2));
        var sale = await database.SaleAsync(person, click);
        await database.ClickAsync(person, MatchingDatabase.Noon.AddMinutes(-1));
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);
    }

    [Fact]
    public async Task What_comes_later_than_the_days_of_grace_changes_nothing()
    {
        var person = new Person { Fbp = "fb.1.1793890500123.2000000008" };
        var sale = await database.SaleAsync(person, at: MatchingDatabase.Noon.AddDays(-9));
        await database.ClickAsync(person, MatchingDatabase.Noon.AddDays(-10));
        await database.MatchAsync();

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionUnmatched>();
    }
}
