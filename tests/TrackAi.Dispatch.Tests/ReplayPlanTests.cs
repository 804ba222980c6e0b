using TrackAi.Contracts;
using TrackAi.Dispatch.Replay;
using TrackAi.EventStore;
using static TrackAi.Dispatch.Tests.Sales;

namespace TrackAi.Dispatch.Tests;

/// <summary>What a replay may send again: nothing Meta refuses, nothing that may count twice unless somebody says so, nothing a person withdrew.</summary>
public sealed class ReplayPlanTests
{
    private const string Dispatch = "dispatch-1";

    private static readonly DispatchRequested Request = new("hotmart-HP1", "hotmart", Dispatch, Sale.EventId, "Purchase", "1", null, Noon);

    [Fact]
    public void What_was_never_requested_counts() => Plan(Noon, new(), [Received()]).ShouldBe(("will_count", true));

    [Fact]
    public void What_waits_in_the_queue_is_left_to_the_hosts() =>
        Plan(Noon, new(true, true), [Received(), Request]).ShouldBe(("waiting", false));

    [Fact]
    public void What_is_more_than_seven_days_old_is_never_sent() =>
        Plan(Noon.AddDays(7), new(true, true), [Received(), Request, Confirmed()]).ShouldBe(("too_old", false));

    [Theory]
    [InlineData(47, false, false, false)]
    [InlineData(47, true, false, true)]
    [InlineData(49, true, false, false)]
    [InlineData(49, false, true, false)]
    [InlineData(49, true, true, true)]
    public void What_Meta_confirmed_needs_a_word_and_after_48_hours_a_second_one(int hours, bool confirmed, bool force, bool isSent) =>
        Plan(Noon.AddHours(hours), new(confirmed, force), [Received(), Request, Confirmed()]).ShouldBe(("already_sent", isSent));

    [Fact]
    public void What_was_put_away_or_given_back_or_withdrawn_or_erased_is_not_sent()
    {
        var all = new ReplayConsent(true, true);
        Plan(Noon, all, [Received(), Request, new DispatchDiscarded("hotmart-HP1", "hotmart", Dispatch, "1", "a test", "somebody", Noon)])
            .ShouldBe(("discarded", false));
        Plan(Noon, all, [Received(), Refund()]).ShouldBe(("not_paid", false));
        Plan(Noon, all, [Received() with { Consent = false }]).ShouldBe(("no_consent", false));
        Plan(Noon, all, [Received(), Request, new PersonalDataErased(Guid.Empty, Noon)]).ShouldBe(("erased", false));
    }

    [Fact]
    public void Of_a_sale_with_an_event_that_cannot_be_read_nothing_is_sent_and_the_event_is_named()
    {
        RecordedEvent unreadable = new(
            new EventSerializer(EventTypes.All, EventTypes.Metadata),
            4711,
            Guid.Empty,
            new StreamId("test-tenant-001", "conversion-hotmart-HP1"),
            2,
            "dispatch_succeeded",
            """{"attempt":"many"}"""u8.ToArray(),
            Noon,
            null,
            null
        );

        var planned = ReplayPlan.Of(
            new ReplayedRequest("test-tenant-001", Request),
            [.. Recorded([Received()]), unreadable],
            null,
            new(true, true),
            Noon
        );

        (planned.Expectation, planned.IsSent).ShouldBe(("unreadable", false));
        planned.Remedy.ShouldContain("Event 4711 of type 'dispatch_succeeded'");
    }

    [Fact]
    public void A_request_under_another_event_id_than_the_sales_is_a_fault() =>
        Should.Throw<InvalidOperationException>(() => Plan(Noon, new(), [Received() with { EventId = Guid.Empty }]));

    private static (string Expectation, bool IsSent) Plan(DateTimeOffset now, ReplayConsent consent, IReadOnlyList<object> facts)
    {
        var planned = ReplayPlan.Of(new ReplayedRequest("test-tenant-001", Request), Recorded(facts), null, consent, now);
        planned.EventId.ShouldBe(Sale.EventId);
        planned.Remedy.ShouldNotBeEmpty();
        return (planned.Expectation, planned.IsSent);
    }

    private static DispatchSucceeded Confirmed() => new("hotmart-HP1", "hotmart", Dispatch, "1", 1, 200, "trace", 12, [], Noon);

    private static ConversionStateChanged Refund() =>
        new("hotmart-HP1", "hotmart", PaymentState.Approved, PaymentState.Refunded, Sale.Value, Noon, Noon, "REFUNDED", "2", null);
}
