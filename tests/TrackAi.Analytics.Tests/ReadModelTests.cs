using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Analytics.Tests;

public sealed class ReadModelTests(AnalyticsDatabase database) : IClassFixture<AnalyticsDatabase>
{
    private readonly string tenant = database.NewTenant();

    private Task<IReadOnlyList<string>> ConversionAsync() =>
        database.RowsAsync(
            "select state, amount, currency, matched, match_rule, click_id, dispatch_status, dispatch_reason from conversion where tenant_id = $1",
            tenant
        );

    private Task<IReadOnlyList<string>> SummaryAsync() =>
        database.RowsAsync(
            "select gateway, status, day, conversions from v_dispatch_summary where tenant_id = $1 order by 1, 2, 3",
            tenant
        );

    private Task AppendAsync(ConversionReceived sale, params object[] events) =>
        database.AppendAsync(tenant, Streams.Conversion(sale.ConversionId), events);

    [Fact]
    public async Task A_sale_that_was_matched_and_sent_is_in_every_relation_once()
    {
        var sale = Facts.Received(tenant, "HP1");
        var dispatch = Facts.Requested(sale);
        await AppendAsync(sale, sale, Facts.Matched(sale), dispatch, Facts.Sent(dispatch));
        await database.CaughtUpAsync();

        (await ConversionAsync()).ShouldBe(["approved | 197 | BRL | true | fbp | tk1_abc | sent | -"]);
        (await SummaryAsync()).ShouldBe(["hotmart | sent | 2025-11-20 | 1"]);
        (
            await database.RowsAsync(
                "select matched, match_rule, click_id, score, reason, tried -> 2 ->> 'outcome', candidates -> 0 ->> 'click_id', rule_version from match_log where tenant_id = $1",
                tenant
            )
        ).ShouldBe(["true | fbp | tk1_abc | 0.85 | - | outside_window | tk1_old | 1"]);
        (
            await database.RowsAsync(
                "select conversion_id, pixel_id, attempt, status, http_status, latency_ms from dispatch_attempt where tenant_id = $1",
                tenant
            )
        ).ShouldBe(["hotmart-HP1 | 1234567890 | 1 | sent | 200 | 48"]);
        (
            await database.RowsAsync(
                "select day, conversions, matched, unmatched, match_rate from v_match_rate_by_tenant where tenant_id = $1",
                tenant
            )
        ).ShouldBe(["2025-11-20 | 1 | 1 | 0 | 100.00"]);
        (
            await database.RowsAsync(
                "select date, total_events, dispatch_success, dispatch_failed, dispatch_waiting, matched, match_rate, revenue, attempts, latency_avg_ms from analytics_metrics_daily where tenant_id = $1",
                tenant
            )
        ).ShouldBe(["""2025-11-20 | 1 | 1 | 0 | 0 | 1 | 100.00 | {"BRL": 197} | 1 | 48.000"""]);
    }

    [Fact]
    public async Task A_conversion_is_counted_in_one_status_at_every_moment()
    {
        var sale = Facts.Received(tenant, "HP1");
        var dispatch = Facts.Requested(sale);

        await AppendAsync(sale, sale, dispatch);
        await database.CaughtUpAsync();
        (await SummaryAsync()).ShouldBe(["hotmart | waiting | 2025-11-20 | 1"]);

        await AppendAsync(sale, Facts.Failed(dispatch));
        await database.CaughtUpAsync();
        (await SummaryAsync()).ShouldBe(["hotmart | failed | 2025-11-20 | 1"]);
        (await ConversionAsync()).ShouldBe(["approved | 197 | BRL | - | - | - | failed | transient"]);

        await AppendAsync(sale, Facts.Dead(dispatch));
        await database.CaughtUpAsync();
        (await SummaryAsync()).ShouldBe(["hotmart | dead | 2025-11-20 | 1"]);
        (await ConversionAsync()).ShouldBe(["approved | 197 | BRL | - | - | - | dead | permanent"]);

        await AppendAsync(sale, dispatch, Facts.Sent(dispatch, attempt: 3));
        await database.CaughtUpAsync();
        (await SummaryAsync()).ShouldBe(["hotmart | sent | 2025-11-20 | 1"]);
        (await database.RowsAsync("select attempt, status from dispatch_attempt where tenant_id = $1 order by sequence", tenant)).ShouldBe([
            "1 | failed",
            "2 | dead",
            "3 | sent",
        ]);
    }

    [Fact]
    public async Task A_dead_letter_that_never_left_is_an_attempt_too()
    {
        var sale = Facts.Received(tenant, "HP1");
        var dispatch = Facts.Requested(sale);
        await AppendAsync(sale, sale, dispatch, Facts.Dead(dispatch, attempt: 1, http: null));
        await database.CaughtUpAsync();

        (
            await database.RowsAsync("select status, http_status, reason, error from dispatch_attempt where tenant_id = $1", tenant)
        ).ShouldBe(["dead | - | invalid_event | Invalid parameter"]);
        (
            await database.RowsAsync(
                "select dispatch_dead, attempts, latency_avg_ms, latency_p95_ms from analytics_metrics_daily where tenant_id = $1",
                tenant
            )
        ).ShouldBe(["1 | 1 | - | -"]);
    }

    [Fact]
    public async Task Of_several_pixels_the_one_that_needs_something_speaks_for_the_conversion()
    {
        var sale = Facts.Received(tenant, "HP1");
        var (one, two) = (Facts.Requested(sale, "111"), Facts.Requested(sale, "222"));
        await AppendAsync(sale, sale, one, two, Facts.Sent(one));
        await database.CaughtUpAsync();
        (await SummaryAsync()).ShouldBe(["hotmart | waiting | 2025-11-20 | 1"]);

        await AppendAsync(sale, Facts.Dead(two));
        await database.CaughtUpAsync();
        (await SummaryAsync()).ShouldBe(["hotmart | dead | 2025-11-20 | 1"]);

        await AppendAsync(sale, two, Facts.Sent(two));
        await database.CaughtUpAsync();
        (await SummaryAsync()).ShouldBe(["hotmart | sent | 2025-11-20 | 1"]);
    }

    [Fact]
    public async Task A_pix_that_nobody_paid_waits_whatever_else_was_sent_of_it()
    {
        var pix = Facts.Received(tenant, "HP1", PaymentState.Pending);
        var checkout = Facts.Requested(pix, name: "InitiateCheckout");
        await AppendAsync(pix, pix, checkout, Facts.Sent(checkout));
        await database.CaughtUpAsync();
        (await ConversionAsync()).ShouldBe(["pending | 197 | BRL | - | - | - | waiting | not_approved"]);

        var purchase = Facts.Requested(pix);
        await AppendAsync(pix, Facts.Changed(pix, PaymentState.Pending, PaymentState.Approved, 190m), purchase, Facts.Sent(purchase));
        await database.CaughtUpAsync();
        (await ConversionAsync()).ShouldBe(["approved | 190 | BRL | - | - | - | sent | -"]);
    }

    [Fact]
    public async Task A_skip_ends_what_was_still_to_be_sent()
    {
        var sale = Facts.Received(tenant, "HP1");
        await AppendAsync(sale, sale, Facts.Requested(sale), Facts.Skipped(sale, "refunded"));
        await database.CaughtUpAsync();
        (await ConversionAsync()).ShouldBe(["approved | 197 | BRL | - | - | - | skipped | refunded"]);
    }

    [Fact]
    public async Task A_skip_takes_nothing_back_that_Meta_confirmed()
    {
        var sale = Facts.Received(tenant, "HP1");
        var dispatch = Facts.Requested(sale);
        await AppendAsync(sale, sale, dispatch, Facts.Sent(dispatch), Facts.Skipped(sale), dispatch, Facts.Failed(dispatch, 2));
        await database.CaughtUpAsync();
        (await ConversionAsync()).ShouldBe(["approved | 197 | BRL | - | - | - | sent | -"]);
    }

    [Fact]
    public async Task A_renewal_is_skipped_with_its_reason_or_sent_under_the_name_of_its_funnel()
    {
        var skipped = Facts.Received(tenant, "HP1", kind: ConversionKind.Renewal);
        var sent = Facts.Received(tenant, "HP2", kind: ConversionKind.Renewal);
        var dispatch = Facts.Requested(sent, name: "Subscribe");
        await AppendAsync(skipped, skipped, Facts.Skipped(skipped, "renewal"));
        await AppendAsync(sent, sent, dispatch, Facts.Sent(dispatch));
        await database.CaughtUpAsync();

        (
            await database.RowsAsync(
                "select kind, dispatch_status, dispatch_reason from conversion where tenant_id = $1 order by conversion_id",
                tenant
            )
        ).ShouldBe(["renewal | skipped | renewal", "renewal | sent | -"]);
    }

    [Fact]
    public async Task A_refund_leaves_the_amount_and_takes_it_out_of_the_revenue()
    {
        var sale = Facts.Received(tenant, "HP1", amount: 100m);
        await AppendAsync(sale, sale, Facts.Changed(sale, PaymentState.Approved, PaymentState.Refunded, 0m));
        await database.CaughtUpAsync();

        (await ConversionAsync()).ShouldBe(["refunded | 100 | BRL | - | - | - | waiting | -"]);
        (await database.RowsAsync("select revenue, reversed from analytics_metrics_daily where tenant_id = $1", tenant)).ShouldBe([
            """{} | {"BRL": 100}""",
        ]);
    }

    [Fact]
    public async Task Two_currencies_are_never_added()
    {
        var real = Facts.Received(tenant, "HP1", amount: 100.10m);
        var dollar = Facts.Received(tenant, "HP2", amount: 20.05m, currency: "USD");
        var another = Facts.Received(tenant, "HP3", amount: 0.20m);
        foreach (var sale in new[] { real, dollar, another })
            await AppendAsync(sale, sale);
        await database.CaughtUpAsync();

        (await database.RowsAsync("select revenue from analytics_metrics_daily where tenant_id = $1", tenant)).ShouldBe([
            """{"BRL": 100.3, "USD": 20.05}""",
        ]);
        (
            await database.RowsAsync(
                "select currency, paid_conversions, revenue from v_revenue_daily where tenant_id = $1 order by currency",
                tenant
            )
        ).ShouldBe(["BRL | 2 | 100.3", "USD | 1 | 20.05"]);
    }

    [Fact]
    public async Task Each_decision_has_its_row_and_the_last_one_counts()
    {
        var sale = Facts.Received(tenant, "HP1");
        await AppendAsync(sale, sale, Facts.Unmatched(sale));
        await database.CaughtUpAsync();
        (
            await database.RowsAsync("select matched, unmatched, match_rate from v_match_rate_by_tenant where tenant_id = $1", tenant)
        ).ShouldBe(["0 | 1 | 0.00"]);

        await AppendAsync(sale, Facts.Matched(sale, rule: MatchRule.EmailHash));
        await database.CaughtUpAsync();
        (
            await database.RowsAsync("select matched, unmatched, match_rate from v_match_rate_by_tenant where tenant_id = $1", tenant)
        ).ShouldBe(["1 | 0 | 100.00"]);
        (
            await database.RowsAsync("select matched, match_rule, reason from match_log where tenant_id = $1 order by sequence", tenant)
        ).ShouldBe(["false | - | no_click_found", "true | email_hash | -"]);
    }

    [Fact]
    public async Task Nothing_decided_is_no_rate()
    {
        var sale = Facts.Received(tenant, "HP1");
        await AppendAsync(sale, sale);
        await database.CaughtUpAsync();
        (
            await database.RowsAsync(
                "select conversions, matched, unmatched, match_rate from v_match_rate_by_tenant where tenant_id = $1",
                tenant
            )
        ).ShouldBe(["1 | 0 | 0 | -"]);
    }

    [Fact]
    public async Task Visits_are_kept_and_counted()
    {
        var campaign = Campaign.None with { UtmSource = "facebook", Xcod = "a1" };
        await database.AppendAsync(tenant, "click-tk1_a", Facts.Click("tk1_a", campaign: campaign));
        await database.AppendAsync(tenant, "click-tk1_b", Facts.Click("tk1_b"));
        var (page, checkout) = (Ids.Derived("page"), Ids.Derived("checkout"));
        await database.AppendAsync(tenant, Streams.Pageview(page), Facts.Pageview(page));
        await database.AppendAsync(tenant, Streams.Checkout(checkout), Facts.Checkout(checkout));
        await database.CaughtUpAsync();

        (
            await database.RowsAsync(
                "select click_id, utm_source, xcod, has_fbclid, has_email from click where tenant_id = $1 order by click_id",
                tenant
            )
        ).ShouldBe(["tk1_a | facebook | a1 | true | false", "tk1_b | - | - | true | false"]);
        (await database.RowsAsync("select product_id, amount, currency, has_email from checkout where tenant_id = $1", tenant)).ShouldBe([
            "curso | 97 | BRL | true",
        ]);
        (
            await database.RowsAsync(
                "select total_events, clicks, pageviews, checkouts, match_rate from analytics_metrics_daily where tenant_id = $1",
                tenant
            )
        ).ShouldBe(["0 | 2 | 1 | 1 | -"]);
    }

    [Fact]
    public async Task A_day_begins_at_midnight_where_the_tenant_is()
    {
        // 02:59 and 03:00 in London are one minute before and after midnight in São Paulo; Tokyo is in the next day since the noon before.
        var (before, after) = (
            new DateTimeOffset(2025, 11, 21, 2, 59, 59, TimeSpan.Zero),
            new DateTimeOffset(2025, 11, 21, 3, 0, 0, TimeSpan.Zero)
        );
        var tokyo = database.NewTenant();
        var unknown = database.NewTenant();
        await database.AppendAsync(tenant, Streams.Tenant(tenant), Facts.Tenant(tenant, "America/Sao_Paulo"));
        await database.AppendAsync(tokyo, Streams.Tenant(tokyo), Facts.Tenant(tokyo, "Asia/Tokyo"));
        foreach (var slug in new[] { tenant, tokyo, unknown })
        {
            foreach (var (order, at) in new[] { ("HP1", before), ("HP2", after) })
            {
                var sale = Facts.Received(slug, order, at: at);
                await database.AppendAsync(slug, Streams.Conversion(sale.ConversionId), sale);
                await database.AppendAsync(slug, $"click-{order}", Facts.Click(order, at));
            }
        }
        await database.CaughtUpAsync();

        const string Days = "select date, total_events, clicks from analytics_metrics_daily where tenant_id = $1 order by date";
        (await database.RowsAsync(Days, tenant)).ShouldBe(["2025-11-20 | 1 | 1", "2025-11-21 | 1 | 1"]);
        (await database.RowsAsync(Days, tokyo)).ShouldBe(["2025-11-21 | 2 | 2"]);
        (await database.RowsAsync(Days, unknown)).ShouldBe(["2025-11-20 | 1 | 1", "2025-11-21 | 1 | 1"]);
    }

    [Fact]
    public async Task What_is_appended_shows_without_anybody_asking()
    {
        var sale = Facts.Received(tenant, "HP1");
        await AppendAsync(sale, sale);
        await Eventually.TrueAsync(async () => (await SummaryAsync()).Count == 1, "the sale in v_dispatch_summary");
    }

    [Fact]
    public async Task Events_of_a_conversion_that_was_stepped_over_are_logged_and_counted_nowhere()
    {
        var sale = Facts.Received(tenant, "HP1");
        var dispatch = Facts.Requested(sale);
        await AppendAsync(
            sale,
            Facts.Unmatched(sale),
            dispatch,
            Facts.Sent(dispatch),
            Facts.Changed(sale, PaymentState.Pending, PaymentState.Approved)
        );
        await database.CaughtUpAsync();

        (await ConversionAsync()).ShouldBeEmpty();
        (await SummaryAsync()).ShouldBeEmpty();
        (await database.RowsAsync("select status from dispatch_attempt where tenant_id = $1", tenant)).ShouldBe(["sent"]);
    }
}
