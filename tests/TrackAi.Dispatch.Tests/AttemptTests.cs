using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch.Tests;

/// <summary>What an answer leads to. Meta takes a sale for seven days and recognises a repeated one for two: both are budgets.</summary>
public sealed class AttemptTests
{
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(15));
    private static readonly MetaAnswer Busy = new MetaAnswer.Refused(
        ErrorClass.Transient,
        503,
        2,
        null,
        "busy",
        "T",
        null,
        TimeSpan.FromMilliseconds(12)
    );
    private static readonly MetaAnswer Silent = new MetaAnswer.NoAnswer("No answer within 10 s.", TimeSpan.FromSeconds(10));

    [Fact]
    public void A_failure_is_retried_later_each_time_and_says_everything_Meta_said()
    {
        var postponed = Judge(Busy, age: TimeSpan.FromHours(1), attempts: 4).ShouldBeOfType<Attempt.Postponed>();

        postponed.DueAt.ShouldBe(Sales.Noon.AddSeconds(8));
        var failed = postponed.Fact.ShouldBeOfType<DispatchFailed>();
        (failed.Attempt, failed.HttpStatus, failed.ErrorClass, failed.Code, failed.FbTraceId, failed.LatencyMs).ShouldBe(
            (5, 503, "transient", 2, "T", 12)
        );
        postponed.UnknownSince.ShouldBeNull("Meta said that it did not take it");
    }

    [Fact]
    public void With_little_time_left_at_most_a_quarter_of_it_is_waited()
    {
        var left = TimeSpan.FromMinutes(8);

        var postponed = Judge(Busy, age: CapiPayload.LongestAge - left, attempts: 20).ShouldBeOfType<Attempt.Postponed>();

        postponed.DueAt.ShouldBe(Sales.Noon + (left / 4));
    }

    [Fact]
    public void What_Meta_would_refuse_for_its_age_is_given_up() =>
        Judge(Busy, age: CapiPayload.LongestAge, attempts: 3).ShouldBeOfType<Attempt.GivenUp>().Reason.ShouldBe("too_old");

    [Fact]
    public void Without_an_answer_the_time_of_not_knowing_begins() =>
        Judge(Silent, age: TimeSpan.FromHours(1), attempts: 0).ShouldBeOfType<Attempt.Postponed>().UnknownSince.ShouldBe(Sales.Noon);

    [Fact]
    public void What_Meta_may_have_taken_two_days_ago_could_count_twice_and_is_given_up()
    {
        var given = Judge(Busy, age: TimeSpan.FromDays(3), attempts: 9, unknownSince: Sales.Noon.AddHours(-48))
            .ShouldBeOfType<Attempt.GivenUp>();

        (given.Reason, given.UnknownSince).ShouldBe(("unknown_outcome", Sales.Noon.AddHours(-48)));
    }

    [Fact]
    public void A_dead_token_costs_no_time_the_sale_is_due_as_soon_as_its_pixel_is_resumed() =>
        Judge(
                new MetaAnswer.Refused(ErrorClass.Token, 400, 190, 463, "expired", null, null, TimeSpan.Zero),
                age: TimeSpan.FromHours(1),
                attempts: 7
            )
            .ShouldBeOfType<Attempt.Postponed>()
            .DueAt.ShouldBe(Sales.Noon);

    [Theory]
    [InlineData(10, null, false, "will_count")]
    [InlineData(10, -47, false, "will_be_deduplicated")]
    [InlineData(10, -48, false, "may_count_twice")]
    [InlineData(0, -1, false, "too_old")]
    [InlineData(0, -1, true, "already_sent")]
    public void A_dead_letter_says_what_sending_it_again_would_come_to(int hoursLeft, int? unknownSince, bool isSent, string expected) =>
        DeadLetters
            .Expectation.Of(
                Sales.Noon.AddHours(hoursLeft),
                unknownSince is { } hours ? Sales.Noon.AddHours(hours) : null,
                isSent,
                Sales.Noon
            )
            .ShouldBe(expected);

    [Theory]
    [InlineData("will_count", true, true)]
    [InlineData("will_be_deduplicated", true, true)]
    [InlineData("may_count_twice", false, true)]
    [InlineData("too_old", false, false)]
    [InlineData("already_sent", false, false)]
    public void Only_what_is_safe_is_sent_again_unless_told_otherwise(string expectation, bool byItself, bool whenForced)
    {
        DeadLetters.Expectation.IsRedriven(expectation, force: false).ShouldBe(byItself);
        DeadLetters.Expectation.IsRedriven(expectation, force: true).ShouldBe(whenForced);
    }

    private static Attempt Judge(MetaAnswer answer, TimeSpan age, int attempts, DateTimeOffset? unknownSince = null)
    {
        var paidAt = Sales.Noon - age;
        var sale = Sales.Sale with { OccurredAt = paidAt };
        var claimed = new ClaimedDispatch(
            "id/1",
            "acme",
            "hotmart-HP1",
            "1",
            attempts,
            paidAt,
            paidAt + CapiPayload.LongestAge,
            unknownSince
        );
        return Attempt.Judge(
            new PreparedDispatch(claimed, "hotmart", CapiPayload.Build(sale, [Sales.Ana], Sales.Click, Sales.Noon)),
            answer,
            Sales.Noon,
            Backoff,
            0.5
        );
    }
}
