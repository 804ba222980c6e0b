using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>What a delivery says of the payment.</summary>
/// <param name="ReportedAt">By the gateway's clock; null when it does not tell.</param>
/// <param name="Undoes">What it takes back; see <see cref="Translation.Sale.Undoes"/>.</param>
internal sealed record PaymentReport(PaymentState State, DateTimeOffset? ReportedAt, PaymentState? Undoes)
{
    public static PaymentReport Of(Translation.Sale sale) => new(sale.State, sale.ReportedAt, sale.Undoes);
}

/// <summary>Where a sale stands, folded from its stream.</summary>
/// <param name="Since">When the gateway reported the state it is in; null when it did not tell.</param>
/// <param name="GatewayStatus">The gateway's word for that state.</param>
/// <param name="Approved">The amount it was paid with; null while it never was.</param>
internal sealed record PaymentHistory(
    PaymentState State,
    DateTimeOffset? Since,
    DateTimeOffset OccurredAt,
    string GatewayStatus,
    Money Value,
    Money? Approved
)
{
    public bool WasApproved => Approved is not null;

    /// <summary>Null for a stream with no conversion in it.</summary>
    public static PaymentHistory? From(IEnumerable<object> events) =>
        events.Aggregate(
            (PaymentHistory?)null,
            (history, @event) =>
                @event switch
                {
                    ConversionReceived received => new(
                        received.State,
                        received.ReportedAt,
                        received.OccurredAt,
                        received.GatewayStatus,
                        received.Value,
                        received.State == PaymentState.Approved ? received.Value : null
                    ),
                    ConversionStateChanged changed => new(
                        changed.To,
                        changed.ReportedAt,
                        changed.OccurredAt,
                        changed.GatewayStatus,
                        changed.Value,
                        changed.To == PaymentState.Approved ? changed.Value : history?.Approved
                    ),
                    _ => history,
                }
        );
}

/// <summary>
/// What a delivery changes about a sale, whatever order deliveries come in. Nothing paid is ever un-paid by a late "pending" or "refused". A
/// reversal can itself be reversed: by what names it (a dispute won), by a later approval on the gateway's clock, or, where the gateway has none,
/// by an approval that comes in after it. An approval that a reversal overtook is written down before it: the sale was paid, and stays reversed.
/// </summary>
internal static class PaymentStateMachine
{
    /// <summary>The states the sale goes through because of the report, in order; none when it adds nothing.</summary>
    public static IReadOnlyList<PaymentState> Next(PaymentHistory history, PaymentReport report) =>
        report switch
        {
            { Undoes: { } undone } => Undo(history, report, undone),
            { State: PaymentState.Pending } => [],
            { State: PaymentState.Rejected } => history.State == PaymentState.Pending ? [PaymentState.Rejected] : [],
            _ when history.State is PaymentState.Pending or PaymentState.Rejected => [report.State],
            { State: PaymentState.Approved } => Approve(history, report),
            _ => Reverse(history, report),
        };

    /// <summary>
    /// Whether an approval that came before, to the byte, says something new: the sale was reversed since, and no gateway repeats a delivery for so
    /// long that was acknowledged. Only for gateways whose deliveries have neither an id nor a time of their own.
    /// </summary>
    public static bool IsSaidAnew(
        PaymentHistory history,
        PaymentReport report,
        DateTimeOffset firstReceivedAt,
        DateTimeOffset receivedAt
    ) =>
        report is { State: PaymentState.Approved, ReportedAt: null }
        && history is { WasApproved: true, State: not PaymentState.Approved }
        && receivedAt - firstReceivedAt > LongestRepetition;

    private static readonly TimeSpan LongestRepetition = TimeSpan.FromDays(3);

    private static IReadOnlyList<PaymentState> Approve(PaymentHistory history, PaymentReport report)
    {
        if (history.State == PaymentState.Approved)
            return [];
        if (IsOrdered(history, report))
            return IsNewer(history, report) ? [PaymentState.Approved]
                : history.WasApproved ? []
                : [PaymentState.Approved, history.State];
        return history.WasApproved ? [PaymentState.Approved] : [PaymentState.Approved, history.State];
    }

    private static IReadOnlyList<PaymentState> Reverse(PaymentHistory history, PaymentReport report)
    {
        if (history.State == report.State)
            return [];
        // Clocks are as coarse as a minute: in the same one, money goes back after it came.
        if (IsOrdered(history, report))
            return report.ReportedAt >= history.Since ? [report.State] : [];
        // Money that went back is not asked for again.
        return report.State == PaymentState.RefundRequested && history.State != PaymentState.Approved ? [] : [report.State];
    }

    // Taken back before we heard of it: that is written down, so that the late report finds itself answered.
    private static IReadOnlyList<PaymentState> Undo(PaymentHistory history, PaymentReport report, PaymentState undone)
    {
        var isLate = IsOrdered(history, report) && !IsNewer(history, report);
        if (history.State == undone)
            return isLate ? [] : [PaymentState.Approved];
        var mayBeEarly = history.State == PaymentState.Approved && undone != PaymentState.RefundRequested;
        return mayBeEarly && IsOrdered(history, report) && !isLate ? [PaymentState.Approved] : [];
    }

    private static bool IsOrdered(PaymentHistory history, PaymentReport report) =>
        history.Since is not null && report.ReportedAt is not null;

    private static bool IsNewer(PaymentHistory history, PaymentReport report) => report.ReportedAt > history.Since;
}
