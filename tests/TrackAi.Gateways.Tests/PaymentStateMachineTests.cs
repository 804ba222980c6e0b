using FsCheck;
using FsCheck.Fluent;
using TrackAi.Contracts;

namespace TrackAi.Gateways.Tests;

/// <summary>Where a sale stands after what its gateway reports, in whatever order and however often it comes in.</summary>
public sealed class PaymentStateMachineTests
{
    private static readonly PaymentState[] All = Enum.GetValues<PaymentState>();
    private static readonly PaymentState[] NeverPaid = [PaymentState.Pending, PaymentState.Rejected];
    private static readonly DateTimeOffset Start = new(2026, 11, 5, 12, 0, 0, TimeSpan.Zero);

    private static readonly Config Thorough = Config.QuickThrowOnFailure.WithMaxTest(5_000);

    [Theory]
    [InlineData(PaymentState.Pending, PaymentState.Approved)]
    [InlineData(PaymentState.Pending, PaymentState.Rejected)]
    [InlineData(PaymentState.Pending, PaymentState.Refunded)]
    [InlineData(PaymentState.Rejected, PaymentState.Approved)]
    [InlineData(PaymentState.Approved, PaymentState.RefundRequested)]
    [InlineData(PaymentState.Approved, PaymentState.Refunded)]
    [InlineData(PaymentState.Approved, PaymentState.ChargedBack)]
    [InlineData(PaymentState.RefundRequested, PaymentState.Refunded)]
    [InlineData(PaymentState.RefundRequested, PaymentState.ChargedBack)]
    [InlineData(PaymentState.Refunded, PaymentState.ChargedBack)]
    [InlineData(PaymentState.ChargedBack, PaymentState.Refunded)]
    public void A_report_moves_the_payment(PaymentState current, PaymentState reported) => After(current, reported).ShouldBe(reported);

    [Theory]
    [InlineData(PaymentState.Approved, PaymentState.Pending)]
    [InlineData(PaymentState.Approved, PaymentState.Rejected)]
    [InlineData(PaymentState.Refunded, PaymentState.Pending)]
    [InlineData(PaymentState.Refunded, PaymentState.RefundRequested)]
    [InlineData(PaymentState.ChargedBack, PaymentState.RefundRequested)]
    [InlineData(PaymentState.Rejected, PaymentState.Pending)]
    public void A_late_report_of_an_earlier_state_adds_nothing(PaymentState current, PaymentState reported) =>
        Run([Report(current), Report(reported)]).Moves.ShouldBe(1);

    [Theory]
    [InlineData(PaymentState.RefundRequested)]
    [InlineData(PaymentState.Refunded)]
    [InlineData(PaymentState.ChargedBack)]
    public void A_gateway_without_a_clock_brings_a_sale_back_by_approving_it_again(PaymentState reversal) =>
        After(PaymentState.Approved, reversal, PaymentState.Approved).ShouldBe(PaymentState.Approved);

    [Theory]
    [InlineData(PaymentState.RefundRequested)]
    [InlineData(PaymentState.Refunded)]
    [InlineData(PaymentState.ChargedBack)]
    public void A_reversal_that_overtakes_the_approval_stands_and_the_sale_counts_as_paid_once(PaymentState reversal)
    {
        var sale = Run([Report(reversal), Report(PaymentState.Approved)]);

        sale.History!.State.ShouldBe(reversal);
        sale.History.WasApproved.ShouldBeTrue();
    }

    [Fact]
    public void An_approval_that_is_older_than_the_refund_by_the_gateways_clock_does_not_bring_the_sale_back()
    {
        // Stripe's charge.succeeded, delivered again after the refund.
        var sale = Run([Report(PaymentState.Approved, 1), Report(PaymentState.Refunded, 5), Report(PaymentState.Approved, 2)]);

        sale.History!.State.ShouldBe(PaymentState.Refunded);
        sale.Moves.ShouldBe(2);
    }

    [Fact]
    public void An_approval_that_is_newer_than_the_reversal_by_the_gateways_clock_brings_the_sale_back() =>
        Run([Report(PaymentState.Approved, 1), Report(PaymentState.RefundRequested, 5), Report(PaymentState.Approved, 6)])
            .History!.State.ShouldBe(PaymentState.Approved);

    [Fact]
    public void A_dispute_that_is_won_brings_the_sale_back_with_the_amount_it_was_paid_with()
    {
        var won = Report(PaymentState.Approved, 9, PaymentState.ChargedBack);

        var sale = Run([Report(PaymentState.Approved, 1), Report(PaymentState.ChargedBack, 7), won]);

        (sale.History!.State, sale.History.Approved).ShouldBe((PaymentState.Approved, Simulated.Paid));
    }

    [Theory]
    [InlineData(PaymentState.ChargedBack)]
    [InlineData(PaymentState.Refunded)]
    public void What_was_taken_back_before_we_heard_of_it_finds_itself_answered(PaymentState reversal) =>
        Run([Report(PaymentState.Approved, 1), Report(PaymentState.Approved, 9, reversal), Report(reversal, 7)])
            .History!.State.ShouldBe(PaymentState.Approved);

    [Fact]
    public void A_dispute_that_is_won_takes_no_refund_back() =>
        Run([
            Report(PaymentState.Approved, 1),
            Report(PaymentState.Refunded, 7),
            Report(PaymentState.Approved, 9, PaymentState.ChargedBack),
        ])
            .History!.State.ShouldBe(PaymentState.Refunded);

    [Fact]
    public void The_end_of_the_guarantee_makes_no_sale_and_ends_a_protest()
    {
        var complete = Report(PaymentState.Approved, 30, PaymentState.RefundRequested);

        Run([Report(PaymentState.Pending, 1), complete]).History!.State.ShouldBe(PaymentState.Pending);
        Run([Report(PaymentState.Approved, 1), complete]).Moves.ShouldBe(1);
        Run([Report(PaymentState.Approved, 1), Report(PaymentState.Refunded, 7), complete]).History!.State.ShouldBe(PaymentState.Refunded);
        Run([Report(PaymentState.Approved, 1), Report(PaymentState.RefundRequested, 7), complete])
            .History!.State.ShouldBe(PaymentState.Approved);
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(4, true)]
    public void The_same_bytes_say_something_new_only_after_a_reversal_and_when_no_repetition_takes_that_long(int days, bool isNew)
    {
        var reversed = Run([Report(PaymentState.Approved), Report(PaymentState.Refunded)]).History!;
        var stands = Run([Report(PaymentState.Approved)]).History!;

        PaymentStateMachine.IsSaidAnew(reversed, Report(PaymentState.Approved), Start, Start.AddDays(days)).ShouldBe(isNew);
        PaymentStateMachine.IsSaidAnew(stands, Report(PaymentState.Approved), Start, Start.AddDays(days)).ShouldBeFalse();
        PaymentStateMachine.IsSaidAnew(reversed, Report(PaymentState.Refunded), Start, Start.AddDays(days)).ShouldBeFalse();
    }

    [Fact]
    public void Any_sequence_of_reports_makes_at_most_one_sale_and_only_of_what_was_reported_as_paid() =>
        Check.One(
            Thorough,
            Prop.ForAll(
                AnyReports,
                reports =>
                {
                    var sale = Run(reports);
                    var isPaid = reports.Any(report => report is { State: PaymentState.Approved });
                    var isApprovedOutright = reports.Any(report => report is { State: PaymentState.Approved, Undoes: null });
                    return sale.Purchases <= 1
                        && (sale.Purchases == 0 || isPaid)
                        // No order and no neighbour costs a sale that was approved.
                        && (sale.Purchases == 1 || !isApprovedOutright)
                        && !sale.WasUnpaidAfterPayment;
                }
            )
        );

    [Fact]
    public void A_sales_life_ends_where_the_gateway_says_whatever_order_and_number_its_deliveries_come_in() =>
        Check.One(
            Thorough,
            Prop.ForAll(
                AnyLife,
                life =>
                {
                    var sale = Run(life.Delivered);
                    return sale.History!.State == Specification.StateOf(life.Reports)
                        && sale.Purchases == Specification.PurchasesOf(life.Reports);
                }
            )
        );

    [Fact]
    public void What_fails_is_told_as_the_smallest_case_that_does()
    {
        var refund = Should.Throw<Exception>(() =>
            Check.One(Thorough, Prop.ForAll(AnyReports, reports => reports.All(report => report.State != PaymentState.Refunded)))
        );
        var twice = Should.Throw<Exception>(() =>
            Check.One(Thorough, Prop.ForAll(AnyLife, life => life.Delivered.Count == life.Reports.Count))
        );

        Shrunk(refund).Split("PaymentReport {").Length.ShouldBe(2, "one report is enough");
        Shrunk(refund).ShouldContain("ReportedAt = ,");
        Shrunk(twice).Split("PaymentReport {").Length.ShouldBeInRange(4, 8, "a short life with one report delivered twice is enough");
    }

    // A case that was the smallest at once is not told again.
    private static string Shrunk(Exception failure) =>
        failure.Message[Math.Max(0, failure.Message.IndexOf("Shrunk", StringComparison.Ordinal))..];

    // What the payment-state machine promises, said another way: the last word by the gateway's clock counts.
    private static class Specification
    {
        public static PaymentState StateOf(IEnumerable<PaymentReport> reports)
        {
            var paid = reports.Where(report => !NeverPaid.Contains(report.State)).ToArray();
            return paid.Length > 0 ? paid.MaxBy(report => report.ReportedAt)!.State
                : reports.Any(report => report.State == PaymentState.Rejected) ? PaymentState.Rejected
                : PaymentState.Pending;
        }

        public static int PurchasesOf(IEnumerable<PaymentReport> reports) =>
            reports.Any(report => report.State == PaymentState.Approved) ? 1 : 0;
    }

    private sealed record Life(List<PaymentReport> Reports, List<PaymentReport> Delivered)
    {
        public override string ToString() => $"{string.Join(", ", Reports)} delivered as {string.Join(", ", Delivered)}";
    }

    private static Arbitrary<List<PaymentReport>> AnyReports =>
        Arb.From(
            AnyReport.NonEmptyListOf(),
            reports =>
                WithoutOne(reports)
                    .Where(fewer => fewer.Count > 0)
                    .Concat(
                        reports
                            .Index()
                            .Where(report => report.Item.ReportedAt is not null)
                            .Select(timed =>
                                reports
                                    .Select((report, index) => index == timed.Index ? report with { ReportedAt = null } : report)
                                    .ToList()
                            )
                    )
        );

    // A report that goes goes from the deliveries, too; a repetition may go alone.
    private static Arbitrary<Life> AnyLife =>
        Arb.From(
            Deliveries,
            life =>
                WithoutOne(life.Delivered)
                    .Where(delivered => life.Reports.All(delivered.Contains))
                    .Select(delivered => life with { Delivered = delivered })
                    .Concat(
                        life.Reports.Select(gone => new Life(
                            [.. life.Reports.Where(report => report != gone)],
                            [.. life.Delivered.Where(report => report != gone)]
                        ))
                    )
                    .Where(fewer => fewer.Reports.Count > 0 && IsALife(fewer.Reports) && KnowsWhatItUndoes(fewer.Delivered))
        );

    private static IEnumerable<List<PaymentReport>> WithoutOne(List<PaymentReport> reports) =>
        Enumerable.Range(0, reports.Count).Select(gone => reports.Where((_, index) => index != gone).ToList());

    // What is taken back was there, and what goes back was paid.
    private static bool IsALife(List<PaymentReport> reports) =>
        reports.All(report =>
            report switch
            {
                { Undoes: { } undone } => reports.Any(other => other.State == undone),
                { State: PaymentState.RefundRequested or PaymentState.Refunded or PaymentState.ChargedBack } => reports.Any(other =>
                    other is { State: PaymentState.Approved, Undoes: null }
                ),
                _ => true,
            }
        );

    /// <summary>One sale from its pix to its dispute, each step a while after the one before, and its deliveries: shuffled, and some of them again.</summary>
    private static Gen<Life> Deliveries =>
        from pending in Gen.Elements(true, false)
        from rejected in Gen.Elements(true, false)
        from approved in Gen.Frequency((9, Gen.Constant(true)), (1, Gen.Constant(false)))
        from reversal in Gen.Elements<PaymentState?>(null, PaymentState.RefundRequested, PaymentState.Refunded, PaymentState.ChargedBack)
        from isUndone in Gen.Elements(true, false)
        let steps = Steps(pending, rejected, approved, reversal, isUndone)
        where steps.Count > 0
        from again in Gen.SubListOf<PaymentReport>([.. steps])
        from delivered in Gen.Shuffle(steps.Concat(again).ToArray())
        // What takes a reversal back cannot begin a sale, nor make a pending one paid.
        where KnowsWhatItUndoes(delivered)
        select new Life(steps, [.. delivered]);

    private static List<PaymentReport> Steps(bool pending, bool rejected, bool approved, PaymentState? reversal, bool isUndone)
    {
        var steps = new List<PaymentReport>();
        if (pending)
            steps.Add(Report(PaymentState.Pending, 1));
        if (rejected)
            steps.Add(Report(PaymentState.Rejected, 2));
        if (!approved)
            return steps;
        steps.Add(Report(PaymentState.Approved, 3));
        if (reversal is { } reversed)
            steps.Add(Report(reversed, 10));
        if (isUndone && reversal is PaymentState.Refunded or PaymentState.ChargedBack)
            steps.Add(Report(PaymentState.Approved, 40, reversal));
        return steps;
    }

    private static bool KnowsWhatItUndoes(IEnumerable<PaymentReport> delivered)
    {
        var undo = delivered
            .Index()
            .Where(step => step.Item.Undoes is not null)
            .Select(step => step.Index)
            .DefaultIfEmpty(int.MaxValue)
            .Min();
        return undo == int.MaxValue || delivered.Take(undo).Any(report => !NeverPaid.Contains(report.State));
    }

    private static Gen<PaymentReport> AnyReport =>
        from state in Gen.Elements(All)
        from reported in Gen.Elements<int?>(null, 1, 2, 3, 5, 8)
        from undoes in Gen.Frequency(
            (4, Gen.Constant<PaymentState?>(null)),
            (1, Gen.Elements<PaymentState?>(PaymentState.RefundRequested, PaymentState.Refunded, PaymentState.ChargedBack))
        )
        select Report(undoes is null ? state : PaymentState.Approved, reported, undoes);

    private static PaymentState After(params PaymentState[] states) => Run([.. states.Select(state => Report(state))]).History!.State;

    private static PaymentReport Report(PaymentState state, int? day = null, PaymentState? undoes = null) =>
        new(state, day is { } after ? Start.AddDays(after) : null, undoes);

    private static Simulated Run(IEnumerable<PaymentReport> reports) =>
        reports.Aggregate(new Simulated(), (sale, report) => sale.Hear(report));

    /// <summary>A sale's stream as recording it would fold it.</summary>
    private sealed class Simulated
    {
        public static readonly Money Paid = new(100, "BRL");

        public PaymentHistory? History { get; private set; }

        public int Moves { get; private set; }

        public int Purchases { get; private set; }

        public bool WasUnpaidAfterPayment { get; private set; }

        public Simulated Hear(PaymentReport report)
        {
            // What takes something back never begins a sale.
            var states =
                History is not null ? PaymentStateMachine.Next(History, report)
                : report.Undoes is null ? [report.State]
                : [];
            var original = History;
            foreach (var state in states)
            {
                var wasPaid = History is { } before && !NeverPaid.Contains(before.State);
                // A Purchase goes out when the sale is approved for the first time, and never again.
                if (state == PaymentState.Approved && History is not { WasApproved: true })
                    Purchases++;
                var stands = states.Count > 1 && state == original?.State;
                History = new PaymentHistory(
                    state,
                    stands ? original!.Since : report.ReportedAt,
                    Start,
                    $"{state}",
                    Paid,
                    state == PaymentState.Approved ? Paid : History?.Approved
                );
                Moves++;
                WasUnpaidAfterPayment |= wasPaid && NeverPaid.Contains(state);
            }

            return this;
        }
    }
}
