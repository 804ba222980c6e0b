using System.Net;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Tests;

public sealed class TimelineTests(ApiHost api) : IClassFixture<ApiHost>
{
    private readonly string tenant = api.NewTenant();

    private Task<Answer> GetAsync(string conversion) => api.GetAsync($"conversions/{conversion}/timeline", ApiHost.KeyOf(tenant));

    private Task AppendAsync(ConversionReceived sale, params object[] events) =>
        api.AppendAsync(tenant, Streams.Conversion(sale.ConversionId), [sale, .. events]);

    [Theory]
    [InlineData("A/1")]
    [InlineData("a/../b c+d")]
    [InlineData("%2e%2e%2F7")]
    [InlineData("pedido nº 7 😀")]
    public async Task An_order_of_any_text_is_found_by_its_encoded_id(string order)
    {
        await AppendAsync(Facts.Received(tenant, order, PaymentState.Approved));

        var timeline = await GetAsync(Uri.EscapeDataString($"hotmart-{order}"));

        timeline.Status.ShouldBe(HttpStatusCode.OK);
        timeline.Json.GetProperty("conversionId").GetString().ShouldBe($"hotmart-{order}");
    }

    [Fact]
    public async Task What_cannot_be_read_is_named_and_the_rest_is_told()
    {
        var sale = Facts.Received(tenant, "HP-unreadable", PaymentState.Approved);
        await AppendAsync(sale, Facts.Matched(sale), Facts.Requested(sale));
        await api.ExecuteAsync(
            """update mt_events set data = jsonb_set(data, '{rule}', '"Nope"') where tenant_id = $1 and type = 'conversion_matched'""",
            tenant
        );

        var timeline = await GetAsync("hotmart-HP-unreadable");

        timeline.Status.ShouldBe(HttpStatusCode.OK);
        timeline.Each("steps", "type").ShouldBe(["conversion_received", "conversion_matched", "dispatch_requested"]);
        var step = timeline.Json.GetProperty("steps")[1];
        step.GetProperty("text").GetString().ShouldBe("What happened here cannot be read.");
        step.GetProperty("details")[0]
            .GetString()
            .ShouldBe($"Event {step.GetProperty("sequence")} of type 'conversion_matched' does not fit ConversionMatched at $.rule.");
    }

    [Fact]
    public async Task The_life_of_a_sale_is_told_in_plain_words()
    {
        var pix = Facts.Received(tenant, "HP1", PaymentState.Pending);
        var dispatch = Facts.Requested(pix);
        var campaign = Campaign.None with { UtmSource = "facebook", UtmCampaign = "black friday" };
        await api.AppendAsync(tenant, Streams.Click("tk1_abc"), Facts.Click("tk1_abc", Facts.Noon.AddHours(-2), campaign));
        await AppendAsync(
            pix,
            Facts.Matched(pix),
            Facts.Changed(pix, PaymentState.Pending, PaymentState.Approved),
            dispatch,
            Facts.Failed(dispatch),
            Facts.Sent(dispatch, 2)
        );

        var timeline = await GetAsync("hotmart-HP1");
        timeline.Status.ShouldBe(HttpStatusCode.OK);
        timeline
            .Each("steps", "text")
            .ShouldBe([
                "Somebody came from an ad (utm_source facebook, utm_campaign black friday).",
                "Hotmart reported the sale HP1: pending (hotmart says 'APPROVED'), 197.00 BRL, of 2025-11-20 15:00:00 UTC.",
                "Joined to click tk1_abc of 2025-11-20 13:00:00 UTC by fbp, score 0.85.",
                "Hotmart reported a change from pending to approved (hotmart says 'Approved'), 197.00 BRL.",
                $"Purchase is to be sent to pixel 1234567890, with event_id {pix.EventId}.",
                "Attempt 1 for pixel 1234567890 failed: Meta answered HTTP 500, code 2 (transient). The next attempt is due at 2025-11-20 15:01:00 UTC.",
                "Meta confirmed it for pixel 1234567890 at attempt 2, with HTTP 200 after 48 ms.",
            ]);
        timeline
            .Each("steps", "type")
            .ShouldBe([
                "click_captured",
                "conversion_received",
                "conversion_matched",
                "conversion_state_changed",
                "dispatch_requested",
                "dispatch_failed",
                "dispatch_succeeded",
            ]);
        timeline.At("steps.1.details").ShouldBe("""["phone: dropped, it is not valid"]""");
        timeline.At("steps.5.details").ShouldBe("""["Service temporarily unavailable"]""");
        timeline.At("steps.6.dispatch.fbTraceId").ShouldBe("trace-1");
    }

    [Fact]
    public async Task A_decision_says_of_every_rule_and_click_why_it_won_or_lost()
    {
        var sale = Facts.Received(tenant, "HP1");
        await AppendAsync(sale, Facts.Matched(sale));

        var decision = (await GetAsync("hotmart-HP1")).Json.GetProperty("steps")[1].GetProperty("match");
        decision
            .GetProperty("rules")
            .EnumerateArray()
            .Select(rule => $"{rule.GetProperty("rule")}: {rule.GetProperty("text")}")
            .ShouldBe([
                "click_token: The sale came without click token.",
                "fbclid: No click was captured with its fbclid.",
                "fbc: The clicks with its fbc came before 2025-11-13 15:00:00 UTC, where the window begins.",
                "fbp: Decided by fbp.",
                "email_hash: A stronger rule had decided.",
                "phone_hash: The sale came without phone.",
            ]);
        decision
            .GetProperty("candidates")
            .EnumerateArray()
            .Select(click => $"{click.GetProperty("clickId")}: {click.GetProperty("text")}")
            .ShouldBe([
                "tk1_old: Lost: it came before 2025-11-13 15:00:00 UTC, where the window begins.",
                "tk1_abc: Won: the last click before the sale with its fbp.",
                "tk1_before: Lost: a later click by the same rule won.",
            ]);
    }

    [Fact]
    public async Task What_was_not_sent_says_why()
    {
        var (skipped, dead, silent) = (Facts.Received(tenant, "S"), Facts.Received(tenant, "D"), Facts.Received(tenant, "N"));
        await AppendAsync(skipped, Facts.Unmatched(skipped), Facts.Skipped(skipped, "too_old"));
        await AppendAsync(dead, Facts.Dead(Facts.Requested(dead)));
        await AppendAsync(silent, Facts.Failed(Facts.Requested(silent), http: null), Facts.Dead(Facts.Requested(silent), http: null));

        (await GetAsync("hotmart-S"))
            .Each("steps", "text")
            .Skip(1)
            .ShouldBe(["Joined to no click: none was captured with any of its identifiers.", "Purchase is not sent: too old."]);
        (await GetAsync("hotmart-D"))
            .Each("steps", "text")
            .Skip(1)
            .ShouldBe([
                "Given up for pixel 1234567890 at attempt 2: permanent; Meta answered HTTP 400, code 100/2804003. It is a dead letter until it is sent again or discarded.",
            ]);
        (await GetAsync("hotmart-N"))
            .Each("steps", "text")
            .Skip(1)
            .ShouldBe([
                "Attempt 1 for pixel 1234567890 failed: Meta gave no answer (no answer). The next attempt is due at 2025-11-20 15:01:00 UTC.",
                "Given up for pixel 1234567890 at attempt 2: invalid event. It is a dead letter until it is sent again or discarded.",
            ]);
    }

    [Fact]
    public async Task What_is_sealed_stays_out()
    {
        var sale = Facts.Received(tenant, "HP1");
        await AppendAsync(sale, Facts.Changed(sale, PaymentState.Approved, PaymentState.Refunded));
        (await GetAsync("hotmart-HP1")).Json.GetRawText().ShouldNotContain("sealed");
    }

    [Fact]
    public async Task An_order_number_may_have_a_slash_in_it()
    {
        var sale = Facts.Received(tenant, "2025/11 é");
        await AppendAsync(sale);
        (await GetAsync(Uri.EscapeDataString(sale.ConversionId))).At("conversionId").ShouldBe("hotmart-2025/11 é");
    }

    [Fact]
    public async Task An_unknown_conversion_is_404()
    {
        var answer = await GetAsync("hotmart-none");
        answer.Status.ShouldBe(HttpStatusCode.NotFound);
        answer.At("field").ShouldBe("id");
    }
}
