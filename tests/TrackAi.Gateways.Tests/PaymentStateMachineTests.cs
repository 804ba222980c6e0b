using TrackAi.Contracts;

namespace TrackAi.Gateways.Tests;

public sealed class PaymentStateMachineTests
{
    private static readonly PaymentState[] All = Enum.GetValues<PaymentState>();
    private static readonly PaymentState[] NeverPaid = [PaymentState.Pending, PaymentState.Rejected];

    [Theory]
    [InlineData(PaymentState.Pending, PaymentState.Approved, PaymentState.Approved)]
    [InlineData(PaymentState.Pending, PaymentState.Rejected, PaymentState.Rejected)]
    [InlineData(PaymentState.Pending, PaymentState.Refunded, PaymentState.Refunded)]
    [InlineData(PaymentState.Rejected, PaymentState.Approved, PaymentState.Approved)]
    [InlineData(PaymentState.Approved, PaymentState.RefundRequested, PaymentState.RefundRequested)]
    [InlineData(PaymentState.Approved, PaymentState.Refunded, PaymentState.Refunded)]
    [InlineData(PaymentState.Approved, PaymentState.ChargedBack, PaymentState.ChargedBack)]
    [InlineData(PaymentState.RefundRequested, PaymentState.Approved, PaymentState.Approved)]
    [InlineData(PaymentState.RefundRequested, PaymentState.Refunded, PaymentState.Refunded)]
    [InlineData(PaymentState.Refunded, PaymentState.Approved, PaymentState.Approved)]
    [InlineData(PaymentState.ChargedBack, PaymentState.Approved, PaymentState.Approved)]
    [InlineData(PaymentState.ChargedBack, PaymentState.Refunded, PaymentState.Refunded)]
    public void A_report_moves_the_payment(PaymentState current, PaymentState reported, PaymentState next) =>
        PaymentStateMachine.Next(current, reported).ShouldBe(next);

    [Theory]
    [InlineData(PaymentState.Approved, PaymentState.Pending)]
    [InlineData(PaymentState.Approved, PaymentState.Rejected)]
    [InlineData(PaymentState.Refunded, PaymentState.Pending)]
    [InlineData(PaymentState.Refunded, PaymentState.RefundRequested)]
    [InlineData(PaymentState.ChargedBack, PaymentState.RefundRequested)]
    [InlineData(PaymentState.Rejected, PaymentState.Pending)]
    public void A_late_report_of_an_earlier_state_adds_nothing(PaymentState current, PaymentState reported) =>
        PaymentStateMachine.Next(current, reported).ShouldBeNull();

    [Fact]
    public void The_same_report_again_adds_nothing() => All.ShouldAllBe(state => PaymentStateMachine.Next(state, state) == null);

    [Fact]
    public void A_report_moves_to_what_it_says_or_nowhere()
    {
        foreach (var (current, reported) in Pairs())
            (PaymentStateMachine.Next(current, reported) ?? reported).ShouldBe(reported, $"{current} → {reported}");
    }

    [Fact]
    public void What_was_paid_is_never_unpaid_by_a_late_pending_or_refusal_in_any_history_of_five_reports()
    {
        foreach (var history in Histories(5))
        {
            var (state, paid) = (history[0], !NeverPaid.Contains(history[0]));
            foreach (var reported in history.Skip(1))
            {
                state = PaymentStateMachine.Next(state, reported) ?? state;
                paid |= !NeverPaid.Contains(state);
                if (paid)
                    NeverPaid.ShouldNotContain(state, string.Join(" → ", history));
            }
        }
    }

    [Fact]
    public void An_approval_is_never_lost_among_pending_and_refusals_whatever_their_order()
    {
        foreach (
            var history in Histories(4)
                .Where(history => history.All(state => state is PaymentState.Approved or PaymentState.Pending or PaymentState.Rejected))
        )
            if (history.Contains(PaymentState.Approved))
                history.Aggregate((state, reported) => PaymentStateMachine.Next(state, reported) ?? state).ShouldBe(PaymentState.Approved);
    }

    private static IEnumerable<(PaymentState Current, PaymentState Reported)> Pairs() =>
        All.SelectMany(current => All.Select(reported => (current, reported)));

    private static IEnumerable<PaymentState[]> Histories(int length) =>
        length == 1
            ? All.Select(state => new[] { state })
            : Histories(length - 1).SelectMany(history => All.Select(state => (PaymentState[])[.. history, state]));
}
