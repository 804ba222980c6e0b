using TrackAi.Contracts;

namespace TrackAi.Matching.Tests;

/// <summary>A sale that was stepped over by command is decided when it is handed to Matching again, as if it never had been.</summary>
public sealed class SkippedSaleTests(MatchingDatabase database) : IClassFixture<MatchingDatabase>
{
    [Fact]
    public async Task A_sale_that_was_skipped_is_joined_to_the_click_that_came_before_it()
    {
        var person = new Person { Fbp = "fb.1.1793890500123.6000000001" };
        var click = await database.ClickAsync(person);
        var sale = await database.SaleAsync(person);
        await database.SkipAsync(sale);
        (await database.DecisionsAsync(sale)).ShouldBeEmpty();

        (await database.ReplaySkippedAsync()).ShouldHaveSingleItem().Appended.ShouldBe(["conversion_matched"]);

        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);
        (await database.ReplaySkippedAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_came_since_opens_it_again_and_a_replay_of_the_log_comes_to_the_same(bool byCheckout)
    {
        var fbp = byCheckout ? "fb.1.1793890500123.6000000002" : "fb.1.1793890500123.6000000003";
        var buyer = byCheckout ? new Person { Email = "skipped@example.com" } : new Person { Fbp = fbp };
        var sale = await database.SaleAsync(buyer);
        await database.SkipAsync(sale);
        var click = await database.ClickAsync(new Person { Fbp = fbp });
        if (byCheckout)
            await database.CheckoutAsync(new Person { Email = "skipped@example.com", Fbp = fbp });
        await database.MatchAsync();
        (await database.DecisionsAsync(sale)).ShouldBeEmpty();

        (await database.ReplaySkippedAsync()).ShouldHaveSingleItem().Error.ShouldBeNull();

        var decisions = await database.DecisionsAsync(sale);
        decisions.Count.ShouldBe(2);
        decisions[0].ShouldBeOfType<ConversionUnmatched>();
        var matched = decisions[1].ShouldBeOfType<ConversionMatched>();
        (matched.ClickId, matched.Reopened!.Cause).ShouldBe((click, byCheckout ? "late_visit" : "late_click"));
        var replayed = (await database.ReplayAsync()).SelectMany(one => one.Decided).ToArray();
        replayed.OfType<ConversionUnmatched>().ShouldContain(decided => decided.ConversionId == matched.ConversionId);
        replayed
            .OfType<ConversionMatched>()
            .Where(decided => decided.ConversionId == matched.ConversionId)
            .ShouldHaveSingleItem()
            .Reopened.ShouldBe(matched.Reopened);
    }

    [Fact]
    public async Task A_sale_that_its_second_delivery_has_decided_meanwhile_is_not_decided_twice()
    {
        var fbp = "fb.1.1793890500123.6000000004";
        var click = await database.ClickAsync(new Person { Email = "twice@example.com" });
        var sale = await database.SaleAsync(new Person { Fbp = fbp });
        await database.SkipAsync(sale);
        await database.DeliverAgainAsync(sale, new Person { Email = "twice@example.com" });
        await database.MatchAsync();
        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);

        var replayed = (await database.ReplaySkippedAsync()).ShouldHaveSingleItem();

        (replayed.Error, replayed.Appended.Count).ShouldBe((null, 0));
        await database.DecisionAsync(sale);

        // The sale is known by what its first delivery told as well: a click of that browser is a surer one.
        var better = await database.ClickAsync(new Person { Fbp = fbp });
        await database.MatchAsync();
        (await database.DecisionsAsync(sale))[^1].ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(better);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_later_delivery_that_was_skipped_moves_its_sale_unless_something_later_has_decided_it(bool isDecided)
    {
        var (email, fbp) = (
            $"later-{isDecided}@example.com",
            isDecided ? "fb.1.1793890500123.6000000005" : "fb.1.1793890500123.6000000006"
        );
        var click = await database.ClickAsync(new Person { Email = email });
        var sale = await database.SaleAsync(new Person { Fbp = fbp }, state: PaymentState.Pending);
        await database.MatchAsync();
        await database.DeliverAgainAsync(sale, new Person { Email = email });
        await database.SkipChangeAsync(sale);
        var later = isDecided ? await database.ClickAsync(new Person { Fbp = fbp }) : null;
        await database.MatchAsync();

        (await database.ReplaySkippedAsync()).ShouldHaveSingleItem().Appended.Count.ShouldBe(isDecided ? 0 : 1);

        (await database.DecisionsAsync(sale))[^1].ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(later ?? click);
    }
}
