using System.Globalization;
using TrackAi.Contracts;

namespace TrackAi.Matching.Tests;

/// <summary>The rules of matching in plain words: a sale on Tuesday at noon, a window of seven days.</summary>
public sealed class DecisionTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 10, 12, 0, 0, TimeSpan.Zero);
    private static readonly MatchPolicy SevenDays = Policies.BuiltIn(new MatchingOptions()).Policy;

    [Theory]
    [InlineData(MatchRule.ClickToken, 1.0)]
    [InlineData(MatchRule.Fbclid, 0.98)]
    [InlineData(MatchRule.TrackingId, 0.90)]
    [InlineData(MatchRule.Fbp, 0.85)]
    [InlineData(MatchRule.EmailHash, 0.80)]
    [InlineData(MatchRule.PhoneHash, 0.75)]
    [InlineData(MatchRule.ExternalId, 0.70)]
    public void One_click_found_by_one_identifier_is_the_sales_click(MatchRule rule, double score)
    {
        var matched = Matched(Sale(rule), Click(rule, "a", Noon.AddHours(-1)));

        (matched.ClickId, matched.Rule, matched.Score, matched.ClickedAt).ShouldBe(("a", rule, score, Noon.AddHours(-1)));
        matched.WindowFrom.ShouldBe(Noon.AddDays(-7));
        matched.Candidates.ShouldBe([new MatchCandidate("a", rule, Noon.AddHours(-1), "won")]);
    }

    [Fact]
    public void The_stronger_rule_wins_although_the_weaker_one_has_the_later_click()
    {
        MatchRule[] strongestFirst =
        [
            MatchRule.ClickToken,
            MatchRule.Fbclid,
            MatchRule.TrackingId,
            MatchRule.Fbp,
            MatchRule.EmailHash,
            MatchRule.PhoneHash,
            MatchRule.ExternalId,
        ];
        for (var strong = 0; strong < strongestFirst.Length; strong++)
        for (var weak = strong + 1; weak < strongestFirst.Length; weak++)
        {
            var matched = Matched(
                Sale(strongestFirst[strong], strongestFirst[weak]),
                Click(strongestFirst[weak], "later", Noon.AddMinutes(-1)),
                Click(strongestFirst[strong], "stronger", Noon.AddDays(-6))
            );

            matched.ClickId.ShouldBe("stronger");
            matched.Candidates.Single(candidate => candidate.ClickId == "later").Reason.ShouldBe("weaker_rule");
            matched.Tried.Single(tried => tried.Rule == strongestFirst[weak]).Outcome.ShouldBe("not_needed");
        }
    }

    [Fact]
    public void Within_a_rule_the_last_click_before_the_sale_wins()
    {
        var matched = Matched(
            Sale(MatchRule.EmailHash),
            Click(MatchRule.EmailHash, "first", Noon.AddDays(-3)),
            Click(MatchRule.EmailHash, "last", Noon.AddDays(-1)),
            Click(MatchRule.EmailHash, "after", Noon.AddDays(1)),
            Click(MatchRule.EmailHash, "ancient", Noon.AddDays(-8))
        );

        matched.ClickId.ShouldBe("last");
        matched
            .Candidates.Select(candidate => (candidate.ClickId, candidate.Reason))
            .ShouldBe([("after", "after_sale"), ("last", "won"), ("first", "older_touch"), ("ancient", "outside_window")]);
        matched.Tried.Single(tried => tried.Rule == MatchRule.EmailHash).ShouldBe(new RuleTried(MatchRule.EmailHash, "matched", 4));
    }

    [Fact]
    public void Two_clicks_at_the_same_moment_are_decided_by_their_names_in_any_order()
    {
        Candidate[] clicks = [Click(MatchRule.Fbp, "b", Noon.AddHours(-1)), Click(MatchRule.Fbp, "a", Noon.AddHours(-1))];

        Matched(Sale(MatchRule.Fbp), clicks).ClickId.ShouldBe("a");
        Matched(Sale(MatchRule.Fbp), [.. clicks.Reverse()]).ClickId.ShouldBe("a");
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, false)]
    public void The_window_reaches_back_from_the_sale_and_not_from_when_it_was_reported(int seconds, bool matches)
    {
        var sale = Sale(MatchRule.Fbp) with { ReceivedAt = Noon.AddDays(3) };

        (Decide(sale, Click(MatchRule.Fbp, "a", Noon.AddDays(-7).AddSeconds(seconds))) is ConversionMatched).ShouldBe(matches);
    }

    [Fact]
    public void When_the_strong_rules_click_is_too_old_the_weaker_rule_decides()
    {
        var matched = Matched(
            Sale(MatchRule.Fbclid, MatchRule.EmailHash),
            Click(MatchRule.Fbclid, "old", Noon.AddDays(-9)),
            Click(MatchRule.EmailHash, "fresh", Noon.AddHours(-2))
        );

        matched.ClickId.ShouldBe("fresh");
        matched
            .Tried.Select(tried => (tried.Rule, tried.Outcome))
            .ShouldBe([
                (MatchRule.ClickToken, "no_identifier"),
                (MatchRule.Fbclid, "outside_window"),
                (MatchRule.TrackingId, "no_identifier"),
                (MatchRule.Fbp, "no_identifier"),
                (MatchRule.EmailHash, "matched"),
                (MatchRule.PhoneHash, "no_identifier"),
                (MatchRule.ExternalId, "no_identifier"),
                (MatchRule.IpUserAgent, "no_identifier"),
                (MatchRule.AdId, "no_identifier"),
            ]);
    }

    // What the gateway wrote down, when we heard of it, when the click was, and whether it can have caused the sale.
    [Theory]
    [InlineData("12:00:00", "12:10:00", "12:00:59", true)]
    [InlineData("12:00:00", "12:10:00", "12:01:01", false)]
    [InlineData("12:00:30", "12:10:00", "12:00:30.9", true)]
    [InlineData("12:00:30", "12:10:00", "12:00:31.1", false)]
    [InlineData("12:00:30.500", "12:10:00", "12:00:30.4", true)]
    [InlineData("12:00:30.500", "12:10:00", "12:00:30.6", false)]
    [InlineData("12:00:00", "12:00:20", "12:00:19", true)]
    [InlineData("12:00:00", "12:00:20", "12:00:21", false)]
    public void A_time_cut_to_the_minute_or_second_lasts_until_that_unit_is_over_but_not_beyond_our_hearing_of_it(
        string sold,
        string received,
        string clicked,
        bool matches
    )
    {
        var sale = Sale(MatchRule.Fbp) with { OccurredAt = At(sold), ReceivedAt = At(received) };
        var decision = Decide(sale, Click(MatchRule.Fbp, "a", At(clicked)));

        (decision is ConversionMatched).ShouldBe(matches);
        if (decision is ConversionUnmatched unmatched)
        {
            unmatched.Reason.ShouldBe("only_clicks_after_the_sale");
            unmatched.Candidates.Single().Reason.ShouldBe("after_sale");
        }
    }

    [Theory]
    [InlineData("12:04:59", true)]
    [InlineData("12:05:00", true)]
    [InlineData("12:05:01", false)]
    public void A_sale_that_carries_our_token_forgives_five_minutes_between_two_clocks(string clicked, bool matches) =>
        (Decide(Sale(MatchRule.ClickToken), Click(MatchRule.ClickToken, "a", At(clicked))) is ConversionMatched).ShouldBe(matches);

    [Fact]
    public void A_sale_without_any_identifier_says_so()
    {
        var unmatched = Unmatched(Sale());

        unmatched.Reason.ShouldBe("no_identifier");
        unmatched.Candidates.ShouldBeEmpty();
        unmatched.Tried.Count.ShouldBe(9);
        unmatched.Tried.ShouldAllBe(tried => tried.Outcome == "no_identifier");
    }

    [Fact]
    public void A_sale_whose_identifiers_no_click_has_says_so()
    {
        var unmatched = Unmatched(Sale(MatchRule.Fbp, MatchRule.EmailHash));

        unmatched.Reason.ShouldBe("no_click_found");
        unmatched
            .Tried.Where(tried => tried.Outcome == "not_found")
            .Select(tried => tried.Rule)
            .ShouldBe([MatchRule.Fbp, MatchRule.EmailHash]);
    }

    [Fact]
    public void A_sale_with_only_old_clicks_says_so()
    {
        var unmatched = Unmatched(Sale(MatchRule.Fbp), Click(MatchRule.Fbp, "a", Noon.AddDays(-8)));

        unmatched.Reason.ShouldBe("only_clicks_outside_the_window");
        unmatched.Candidates.ShouldBe([new MatchCandidate("a", MatchRule.Fbp, Noon.AddDays(-8), "outside_window")]);
    }

    [Fact]
    public void The_same_question_has_the_same_answer_in_whatever_order_the_candidates_come()
    {
        Candidate[] clicks =
        [
            Click(MatchRule.EmailHash, "d", Noon.AddDays(-2)),
            Click(MatchRule.EmailHash, "a", Noon.AddDays(-2)),
            Click(MatchRule.Fbp, "c", Noon.AddDays(-9)),
            Click(MatchRule.PhoneHash, "b", Noon.AddDays(1)),
        ];
        var random = new Random(1);
        var expected = Told(Matched(Sale(MatchRule.Fbp, MatchRule.EmailHash, MatchRule.PhoneHash), clicks));

        for (var round = 0; round < 24; round++)
        {
            random.Shuffle(clicks);
            Told(Matched(Sale(MatchRule.Fbp, MatchRule.EmailHash, MatchRule.PhoneHash), clicks)).ShouldBe(expected);
        }

        static string Told(ConversionMatched matched) =>
            $"{matched.ClickId} {matched.Rule} {string.Join(' ', matched.Candidates)} {string.Join(' ', matched.Tried)}";
    }

    [Fact]
    public void First_and_last_touch_are_both_told_and_the_rules_say_which_one_counts()
    {
        Candidate[] clicks =
        [
            Click(MatchRule.Fbp, "the first ad", Noon.AddDays(-5)),
            Click(MatchRule.Fbp, "the second ad", Noon.AddDays(-2)),
            Click(MatchRule.ClickToken, "the last ad", Noon.AddDays(-1)),
        ];
        var sale = Sale(MatchRule.ClickToken, MatchRule.Fbp);

        var byLast = Matched(sale, clicks);
        var byFirst = Decision
            .Decide(sale, clicks, SevenDays with { Touch = MatchTouch.First }, 1, Noon)
            .ShouldBeOfType<ConversionMatched>();

        (byLast.ClickId, byLast.Rule, byLast.Touch).ShouldBe(("the last ad", MatchRule.ClickToken, "last"));
        (byFirst.ClickId, byFirst.Rule, byFirst.Touch).ShouldBe(("the first ad", MatchRule.Fbp, "first"));
        foreach (var matched in (ConversionMatched[])[byLast, byFirst])
        {
            matched.FirstTouch.ShouldBe(new ClickTouch("the first ad", MatchRule.Fbp, Noon.AddDays(-5)));
            matched.LastTouch.ShouldBe(new ClickTouch("the last ad", MatchRule.ClickToken, Noon.AddDays(-1)));
        }
        byFirst.Candidates.Single(candidate => candidate.ClickId == "the second ad").Reason.ShouldBe("later_touch");
    }

    [Fact]
    public void Each_rule_has_a_window_of_its_own()
    {
        var policy = new MatchPolicy(
            MatchTouch.Last,
            [new(MatchRule.ClickToken, 1, TimeSpan.FromDays(30)), new(MatchRule.EmailHash, 0.8, TimeSpan.FromDays(2))]
        );
        var sale = Sale(MatchRule.ClickToken, MatchRule.EmailHash);

        Decision
            .Decide(sale, [Click(MatchRule.ClickToken, "a", Noon.AddDays(-29))], policy, 2, Noon)
            .ShouldBeOfType<ConversionMatched>()
            .RuleVersion.ShouldBe(2);
        Decision
            .Decide(sale, [Click(MatchRule.EmailHash, "a", Noon.AddDays(-3))], policy, 2, Noon)
            .ShouldBeOfType<ConversionUnmatched>()
            .Tried.Single(tried => tried.Rule == MatchRule.EmailHash)
            .ShouldBe(new RuleTried(MatchRule.EmailHash, "outside_window", 1) { WindowFrom = Noon.AddDays(-2) });
    }

    [Fact]
    public void A_rule_that_is_not_named_does_not_count() =>
        Decision
            .Decide(
                Sale(MatchRule.PhoneHash),
                [Click(MatchRule.PhoneHash, "a", Noon.AddHours(-1))],
                new MatchPolicy(MatchTouch.Last, [new(MatchRule.ClickToken, 1, TimeSpan.FromDays(7))]),
                2,
                Noon
            )
            .ShouldBeOfType<ConversionUnmatched>();

    [Fact]
    public void The_same_address_and_browser_an_hour_before_is_a_guess_and_says_so()
    {
        var matched = Matched(Sale(MatchRule.IpUserAgent), Click(MatchRule.IpUserAgent, "a", Noon.AddMinutes(-59)));

        (matched.Rule, matched.IsProbabilistic, matched.Score).ShouldBe((MatchRule.IpUserAgent, true, 0.40));
        Unmatched(Sale(MatchRule.IpUserAgent), Click(MatchRule.IpUserAgent, "a", Noon.AddMinutes(-61)));
    }

    [Fact]
    public void An_address_that_many_share_never_decides_alone_and_does_together_with_the_ad()
    {
        var sale = Sale(MatchRule.IpUserAgent, MatchRule.AdId) with { IsAddressShared = true };
        Candidate[] clicks =
        [
            Click(MatchRule.IpUserAgent, "same browser", Noon.AddMinutes(-5)),
            Click(MatchRule.AdId, "other", Noon.AddMinutes(-6)),
            Click(MatchRule.AdId, "another", Noon.AddMinutes(-7)),
        ];

        var unmatched = Unmatched(sale, clicks);
        unmatched.Reason.ShouldBe("only_guesses");
        unmatched
            .Candidates.Select(candidate => (candidate.ClickId, candidate.Reason))
            .ShouldBe([("same browser", "not_alone"), ("other", "ambiguous"), ("another", "ambiguous")]);

        Matched(sale, [.. clicks, Click(MatchRule.AdId, "same browser", Noon.AddMinutes(-5))]).ClickId.ShouldBe("same browser");
    }

    [Fact]
    public void One_click_on_the_ad_is_a_guess_and_several_are_none()
    {
        Matched(Sale(MatchRule.AdId), Click(MatchRule.AdId, "a", Noon.AddMinutes(-5))).IsProbabilistic.ShouldBe(true);
        Unmatched(Sale(MatchRule.AdId), Click(MatchRule.AdId, "a", Noon.AddMinutes(-5)), Click(MatchRule.AdId, "b", Noon.AddMinutes(-9)))
            .Reason.ShouldBe("only_guesses");
    }

    [Fact]
    public void A_guess_is_no_first_touch_of_somebody_who_is_known()
    {
        var matched = Matched(
            Sale(MatchRule.Fbp, MatchRule.IpUserAgent),
            Click(MatchRule.Fbp, "known", Noon.AddMinutes(-10)),
            Click(MatchRule.IpUserAgent, "guessed", Noon.AddMinutes(-50))
        );

        matched.FirstTouch!.ClickId.ShouldBe("known");
        matched.IsProbabilistic.ShouldBeNull();
    }

    [Fact]
    public void The_decision_names_what_the_sale_came_without_the_strongest_first()
    {
        Unmatched(Sale(MatchRule.EmailHash))
            .Missing.ShouldBe([MatchRule.ClickToken, MatchRule.Fbclid, MatchRule.Fbp, MatchRule.PhoneHash, MatchRule.ExternalId]);
        Matched(Sale(MatchRule.Fbp), Click(MatchRule.Fbp, "a", Noon.AddDays(-1)))
            .Missing.ShouldBe([MatchRule.ClickToken, MatchRule.Fbclid]);
        Matched(Sale(MatchRule.ClickToken), Click(MatchRule.ClickToken, "a", Noon.AddDays(-1))).Missing.ShouldBeNull();
    }

    [Fact]
    public void A_weaker_rule_that_finds_the_winner_too_is_told_apart_from_one_that_lost()
    {
        var matched = Matched(
            Sale(MatchRule.Fbp, MatchRule.EmailHash),
            Click(MatchRule.Fbp, "a", Noon.AddDays(-1)),
            Click(MatchRule.EmailHash, "a", Noon.AddDays(-1)),
            Click(MatchRule.EmailHash, "b", Noon.AddDays(-2))
        );

        matched
            .Candidates.Select(candidate => (candidate.ClickId, candidate.Rule, candidate.Reason))
            .ShouldBe([("a", MatchRule.Fbp, "won"), ("a", MatchRule.EmailHash, "same_click"), ("b", MatchRule.EmailHash, "weaker_rule")]);
    }

    [Fact]
    public void A_sale_that_cannot_be_read_says_so() => Unmatched(Sale() with { IsUnreadable = true }).Reason.ShouldBe("unreadable");

    private static DateTimeOffset At(string time) => new(Noon.Date + TimeSpan.Parse(time, CultureInfo.InvariantCulture), TimeSpan.Zero);

    private static SaleToMatch Sale(params MatchRule[] identifiers) =>
        new("perfectpay-1", "perfectpay", Noon, Noon.AddMinutes(10), identifiers.ToHashSet());

    private static Candidate Click(MatchRule rule, string id, DateTimeOffset at) => new(rule, id, at);

    private static object Decide(SaleToMatch sale, params Candidate[] candidates) =>
        Decision.Decide(sale, candidates, SevenDays, version: 1, Noon.AddHours(1));

    private static ConversionMatched Matched(SaleToMatch sale, params Candidate[] candidates) =>
        Decide(sale, candidates).ShouldBeOfType<ConversionMatched>();

    private static ConversionUnmatched Unmatched(SaleToMatch sale, params Candidate[] candidates) =>
        Decide(sale, candidates).ShouldBeOfType<ConversionUnmatched>();
}
