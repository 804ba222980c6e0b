using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// What a delivery changes about a sale, whatever order deliveries come in. Nothing paid is ever un-paid by a late "pending" or "refused"; a
/// reversal can itself be reversed (a dispute won, a pre-refund that flips back).
/// </summary>
internal static class PaymentStateMachine
{
    /// <summary>The new state, or null when the delivery adds nothing.</summary>
    public static PaymentState? Next(PaymentState current, PaymentState reported) =>
        (current, reported) switch
        {
            _ when current == reported => null,
            (PaymentState.Pending, _) => reported,
            (PaymentState.Rejected, PaymentState.Approved or PaymentState.Refunded or PaymentState.ChargedBack) => reported,
            (PaymentState.Approved, PaymentState.RefundRequested or PaymentState.Refunded or PaymentState.ChargedBack) => reported,
            (PaymentState.RefundRequested, PaymentState.Approved or PaymentState.Refunded or PaymentState.ChargedBack) => reported,
            (PaymentState.Refunded, PaymentState.Approved or PaymentState.ChargedBack) => reported,
            (PaymentState.ChargedBack, PaymentState.Approved or PaymentState.Refunded) => reported,
            _ => null,
        };

    /// <summary>Where a conversion stands after its events.</summary>
    public static PaymentState? StateOf(IEnumerable<object> events) =>
        events.Aggregate(
            (PaymentState?)null,
            (state, @event) =>
                @event switch
                {
                    ConversionReceived received => received.State,
                    ConversionStateChanged changed => changed.To,
                    _ => state,
                }
        );
}
