using TrackAi.Contracts;
using static TrackAi.Dispatch.Tests.Sales;

namespace TrackAi.Dispatch.Tests;

/// <summary>What is sent, what is skipped and why, and what has to wait: decided from facts alone.</summary>
public sealed class DispatchDecisionTests
{
    private static readonly string[] Pixels = ["111", "222"];

    [Fact]
    public void A_paid_sale_is_requested_once_for_each_pixel_under_one_event_id()
    {
        var requested = Decide(Received(), Unmatched).Cast<DispatchRequested>().ToArray();

        requested.Select(one => one.PixelId).ShouldBe(Pixels);
        requested.Select(one => one.EventId).Distinct().ShouldHaveSingleItem().ShouldBe(Sale.EventId);
        Decide([Received(), Unmatched, .. requested]).ShouldBeEmpty();
    }

    [Fact]
    public void Nothing_is_decided_before_it_is_paid_and_its_click_was_looked_for()
    {
        Decide(Received()).ShouldBeEmpty();
        Decide(Received() with { State = PaymentState.Pending }, Unmatched).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("no_user_data")]
    [InlineData("weak_user_data")]
    public void What_Meta_would_refuse_for_the_person_is_skipped_and_never_requested(string refusal) =>
        Decide(refusal, Received(), Unmatched).ShouldHaveSingleItem().ShouldBeOfType<DispatchSkipped>().Reason.ShouldBe(refusal);

    [Fact]
    public void A_click_that_comes_later_and_tells_more_has_it_requested_after_all()
    {
        object[] stream = [Received(), Unmatched, Skipped("weak_user_data"), Matched];

        Decide(null, stream).ShouldAllBe(one => one is DispatchRequested);
        Decide("weak_user_data", stream).ShouldBeEmpty("it was skipped for that already");
        Decide("no_user_data", stream).ShouldHaveSingleItem().ShouldBeOfType<DispatchSkipped>();
    }

    [Fact]
    public void A_skip_that_was_decided_with_the_click_stays()
    {
        Decide(null, Received(), Matched, Skipped("weak_user_data")).ShouldBeEmpty();
        Decide(null, Received(), Unmatched, Skipped("weak_user_data")).ShouldBeEmpty();
    }

    [Fact]
    public void No_other_skip_passes_with_a_click() => Decide(null, Received(), Unmatched, Skipped("renewal"), Matched).ShouldBeEmpty();

    [Fact]
    public void What_is_final_in_itself_is_said_before_what_Meta_would_refuse()
    {
        Reason(Received() with { Kind = ConversionKind.Test }).ShouldBe("test");
        Reason(Received() with { Kind = ConversionKind.Renewal }).ShouldBe("renewal");
        Reason(Received() with { Consent = false }).ShouldBe("no_consent");
        Reason(Received() with { OccurredAt = Noon.AddDays(-8) }).ShouldBe("too_old");
        Reason(Received() with { Value = new Money(10, "XYZ") }).ShouldBe("unknown_currency");

        static string Reason(ConversionReceived received) =>
            Decide("no_user_data", received, Unmatched).ShouldHaveSingleItem().ShouldBeOfType<DispatchSkipped>().Reason;
    }

    [Theory]
    [InlineData(true, false, false, "", true)]
    [InlineData(false, true, false, "", true)]
    [InlineData(false, false, true, "", true)]
    [InlineData(false, false, false, "", false)]
    [InlineData(true, false, false, "email: dropped, it is not valid", false)]
    [InlineData(true, true, false, "email: dropped, it is not valid", true)]
    public void The_log_alone_shows_whether_a_buyer_is_told_well_enough(bool email, bool phone, bool id, string note, bool isEnough) =>
        Fold(Received() with { Has = new Identifiers(false, false, false, email, phone, id), Notes = note.Length > 0 ? [note] : [] })
            .NamesTheBuyer.ShouldBe(isEnough);

    private static IReadOnlyList<object> Decide(params object[] stream) => Decide(null, stream);

    private static IReadOnlyList<object> Decide(string? refusal, params object[] stream) =>
        DispatchDecision.Decide(Fold(stream), Pixels, sendsRenewals: false, refusal, Noon);

    private static ConversionToDispatch Fold(params object[] stream) => ConversionToDispatch.From(Recorded(stream));

    private static DispatchSkipped Skipped(string reason) => new("hotmart-HP1", "hotmart", "Purchase", reason, Noon);

    private static readonly ConversionUnmatched Unmatched = new("hotmart-HP1", "hotmart", "not_found", 1, Noon, [], [], Noon);

    private static readonly ConversionMatched Matched = new(
        "hotmart-HP1",
        "hotmart",
        "tk1_8fQ2mZr7Lp0Vb3Xy",
        MatchRule.ClickToken,
        1,
        1,
        Noon,
        Noon,
        [],
        [],
        Noon
    );
}
