using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Http;

/// <summary>
/// GET /api/v1/analytics/conversions/{id}/timeline: what happened to one conversion and why.
/// </summary>
internal static class ConversionTimeline
{
    public static async Task<Results<Ok<Timeline>, ProblemHttpResult>> HandleAsync(
        string id,
        HttpContext http,
        IReadTimeline timelines,
        CancellationToken cancellationToken
    ) =>
        await timelines.ReadAsync(Caller.TenantOf(http), AsSent(http, id), cancellationToken) is { } timeline
            ? TypedResults.Ok(timeline)
            : Problems.Of(404, "Unknown conversion", "id: this tenant has no such conversion.", "id");

    // Routing leaves an encoded slash as it is and decodes the rest, so that '%2F' may be a slash or the order's own text: only the request line tells.
    private static string AsSent(HttpContext http, string id)
    {
        var path = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0].Split('/');
        var timeline = Array.FindLastIndex(path, segment => segment.Equals("timeline", StringComparison.OrdinalIgnoreCase));
        return timeline > 0 ? Uri.UnescapeDataString(path[timeline - 1]) : id;
    }
}

/// <inheritdoc/>
internal sealed class ReadTimeline(PostgresEventStore store) : IReadTimeline
{
    public async Task<Timeline?> ReadAsync(string tenant, string conversionId, CancellationToken cancellationToken = default)
    {
        var events = await store.ReadStreamAsync(new StreamId(tenant, Streams.Conversion(conversionId)), cancellationToken);
        if (events.Count == 0)
            return null;

        var readable = events.Where(recorded => recorded.WhyUnreadable is null).ToArray();
        var clicks = readable
            .Select(recorded => recorded.Data)
            .OfType<ConversionMatched>()
            .Select(matched => matched.ClickId)
            .Distinct(StringComparer.Ordinal);
        var seen = await store.ReadStreamsAsync([.. clicks.Select(click => new StreamId(tenant, Streams.Click(click)))], cancellationToken);
        return new Timeline(
            conversionId,
            tenant,
            [
                .. seen.SelectMany(stream => stream)
                    .Where(recorded => recorded.WhyUnreadable is not null || recorded.Data is ClickCaptured)
                    .OrderBy(recorded => recorded.Sequence)
                    .Select(Steps.Of),
                .. events.Select(recorded =>
                    recorded.WhyUnreadable is null ? MatchWords.Told(Steps.Of(recorded), recorded, readable) : Steps.Of(recorded)
                ),
            ]
        );
    }
}

/// <summary>Events in plain words.</summary>
internal static class Steps
{
    public static TimelineStep Of(RecordedEvent recorded) =>
        recorded.WhyUnreadable is { } why
            ? new TimelineStep(recorded.Sequence, recorded.Timestamp, recorded.Type, "What happened here cannot be read.")
            {
                Details = [why],
            }
            : Told(recorded);

    private static TimelineStep Told(RecordedEvent recorded) =>
        recorded.Data switch
        {
            ClickCaptured click => Step(click.OccurredAt, $"Somebody came from an ad{From(click.Campaign)}."),
            ConversionReceived received => Step(received.ReceivedAt, Received(received)) with { Details = received.Notes },
            ConversionStateChanged changed => Step(changed.ReceivedAt, Changed(changed)),
            ConversionEnriched enriched => Step(
                enriched.ReceivedAt,
                $"{enriched.Gateway} told more of the sale in another delivery ({enriched.Gateway} says '{enriched.GatewayStatus}'): {string.Join(", ", enriched.Added.Select(Words))}."
            ),
            ConversionMatched matched => Step(matched.DecidedAt, Matched(matched)) with { Match = MatchOf(matched) },
            ConversionUnmatched unmatched => Step(unmatched.DecidedAt, Unmatched(unmatched)) with { Match = MatchOf(unmatched) },
            DispatchRequested requested => Step(
                requested.RequestedAt,
                $"{requested.EventName} is to be sent to pixel {requested.PixelId}, with event_id {requested.EventId}."
            ) with
            {
                Dispatch = new(DispatchStatus.Waiting, requested.EventName, requested.PixelId),
            },
            PersonalDataErased erased => Step(
                erased.ErasedAt,
                "The buyer's personal data was erased; what is told here is all that is left."
            ),
            DispatchSkipped skipped => Step(skipped.DecidedAt, $"{skipped.EventName} is not sent: {Words(skipped.Reason)}.") with
            {
                Dispatch = new(DispatchStatus.Skipped, skipped.EventName, PixelId: null) { Reason = skipped.Reason },
            },
            DispatchSucceeded sent => Step(
                sent.AttemptedAt,
                $"Meta confirmed it for pixel {sent.PixelId} at attempt {sent.Attempt}, with HTTP {sent.HttpStatus} after {Milliseconds(sent.LatencyMs)}."
            ) with
            {
                Details = sent.Messages,
                Dispatch = DispatchOf(sent),
            },
            DispatchFailed failed => Step(
                failed.AttemptedAt,
                $"Attempt {failed.Attempt} for pixel {failed.PixelId} failed: {Answer(failed.HttpStatus, failed.Code, failed.Subcode)} ({Words(failed.ErrorClass)}). The next attempt is due at {Time(failed.RetryAt)}."
            ) with
            {
                Details = Said(failed.Error),
                Dispatch = DispatchOf(failed),
            },
            DispatchDeadLettered dead => Step(
                dead.AttemptedAt,
                $"Given up for pixel {dead.PixelId} at attempt {dead.Attempt}: {Words(dead.Reason)}{(dead.HttpStatus is null ? "" : $"; {Answer(dead.HttpStatus, dead.Code, dead.Subcode)}")}. It is a dead letter until it is sent again or discarded."
            ) with
            {
                Details = Said(dead.Error),
                Dispatch = DispatchOf(dead),
            },
            DispatchRedriven redriven => Step(
                redriven.RedrivenAt,
                $"Put back into the queue for pixel {redriven.PixelId} by {redriven.By} ({Words(redriven.Expectation)})."
            ),
            DispatchDiscarded discarded => Step(
                discarded.DiscardedAt,
                $"Put away for pixel {discarded.PixelId} by {discarded.By}: {discarded.Reason}"
            ),
            _ => Step(recorded.Timestamp, $"{Words(recorded.Type)}."),
        } with
        {
            Sequence = recorded.Sequence,
            Type = recorded.Type,
            Facts = FactsOf(recorded.Data)
                .Where(fact => fact.Value is { Length: > 0 })
                .ToDictionary(fact => fact.Name, fact => fact.Value!, StringComparer.Ordinal),
        };

    private static IReadOnlyList<(string Name, string? Value)> FactsOf(object data) =>
        data switch
        {
            ClickCaptured click => click.Campaign.Fields(),
            ConversionReceived received =>
            [
                ("gateway", received.Gateway),
                ("order", received.OrderId),
                ("state", Named<PaymentState>.Of(received.State)),
                ("gateway_status", received.GatewayStatus),
                ("amount", Amount(received.Value)),
            ],
            ConversionStateChanged changed =>
            [
                ("from", Named<PaymentState>.Of(changed.From)),
                ("to", Named<PaymentState>.Of(changed.To)),
                ("gateway_status", changed.GatewayStatus),
                ("amount", Amount(changed.Value)),
            ],
            ConversionEnriched enriched =>
            [
                ("gateway_status", enriched.GatewayStatus),
                ("added", string.Join(", ", enriched.Added.Select(Words))),
            ],
            ConversionMatched matched => [("rule", Named<MatchRule>.Of(matched.Rule)), ("click", matched.ClickId)],
            ConversionUnmatched unmatched => [("reason", unmatched.Reason)],
            DispatchRequested requested =>
            [
                ("event", requested.EventName),
                ("pixel", requested.PixelId),
                ("event_id", $"{requested.EventId}"),
            ],
            DispatchSkipped skipped => [("event", skipped.EventName), ("reason", skipped.Reason)],
            DispatchSucceeded sent => [("pixel", sent.PixelId), ("attempt", $"{sent.Attempt}"), ("latency", Milliseconds(sent.LatencyMs))],
            DispatchFailed failed => [("pixel", failed.PixelId), ("attempt", $"{failed.Attempt}"), ("reason", failed.ErrorClass)],
            DispatchDeadLettered dead => [("pixel", dead.PixelId), ("attempt", $"{dead.Attempt}"), ("reason", dead.Reason)],
            DispatchRedriven redriven => [("pixel", redriven.PixelId), ("by", redriven.By), ("expectation", redriven.Expectation)],
            DispatchDiscarded discarded => [("pixel", discarded.PixelId), ("by", discarded.By), ("reason", discarded.Reason)],
            _ => [],
        };

    private static TimelineStep Step(DateTimeOffset at, string text) => new(0, at, "", char.ToUpperInvariant(text[0]) + text[1..]);

    private static string From(Campaign campaign)
    {
        var known = campaign.Fields().Where(field => field.Value is not null).Select(field => $"{field.Name} {field.Value}").ToArray();
        return known.Length == 0 ? "" : $" ({string.Join(", ", known)})";
    }

    private static string Received(ConversionReceived received) =>
        $"{received.Gateway} reported {(received.Kind switch { ConversionKind.Renewal => "the renewal", ConversionKind.Test => "the test sale", _ => "the sale" })} {received.OrderId}: {Words(Named<PaymentState>.Of(received.State))} ({received.Gateway} says '{received.GatewayStatus}'), {Amount(received.Value)}, of {Time(received.OccurredAt)}.";

    private static string Changed(ConversionStateChanged changed) =>
        $"{changed.Gateway} reported a change from {Words(Named<PaymentState>.Of(changed.From))} to {Words(Named<PaymentState>.Of(changed.To))} ({changed.Gateway} says '{changed.GatewayStatus}'), {Amount(changed.Value)}.";

    internal static string Matched(ConversionMatched matched) =>
        $"Joined to click {matched.ClickId} of {Time(matched.ClickedAt)} by {Name(matched.Rule)}, score {matched.Score.ToString("0.00", CultureInfo.InvariantCulture)}.";

    internal static string Unmatched(ConversionUnmatched unmatched) =>
        unmatched.Reason switch
        {
            "no_identifier" => "Joined to no click: the sale came with nothing to recognise the buyer by.",
            "no_click_found" => "Joined to no click: none was captured with any of its identifiers.",
            "only_clicks_after_the_sale" => "Joined to no click: those with its identifiers came after the sale.",
            "only_clicks_outside_the_window" =>
                $"Joined to no click: those with its identifiers came before {Time(unmatched.WindowFrom)}, where the window begins.",
            "only_guesses" => "Joined to no click: what was found is no more than a guess.",
            "unreadable" => "Joined to no click: what is stored of the buyer is damaged and cannot be read.",
            var reason => $"Joined to no click: {Words(reason)}.",
        };

    private static TimelineMatch MatchOf(ConversionMatched matched) =>
        new(
            Matched: true,
            Named<MatchRule>.Of(matched.Rule),
            matched.ClickId,
            matched.Score,
            Reason: null,
            matched.WindowFrom,
            matched.RuleVersion,
            Rules(matched.Tried, matched.WindowFrom),
            Candidates(matched.Candidates, matched.WindowFrom, matched.Touch == "first")
        );

    private static TimelineMatch MatchOf(ConversionUnmatched unmatched) =>
        new(
            Matched: false,
            Rule: null,
            ClickId: null,
            Score: null,
            unmatched.Reason,
            unmatched.WindowFrom,
            unmatched.RuleVersion,
            Rules(unmatched.Tried, unmatched.WindowFrom),
            Candidates(unmatched.Candidates, unmatched.WindowFrom)
        );

    private static IReadOnlyList<TimelineRule> Rules(IReadOnlyList<RuleTried> tried, DateTimeOffset windowFrom) =>
        [
            .. tried.Select(rule => new TimelineRule(
                Named<MatchRule>.Of(rule.Rule),
                rule.Outcome,
                rule.Candidates,
                rule.Outcome switch
                {
                    "matched" => $"Decided by {Name(rule.Rule)}.",
                    "no_identifier" => $"The sale came without {Name(rule.Rule)}.",
                    "not_found" => $"No click was captured with its {Name(rule.Rule)}.",
                    "outside_window" =>
                        $"The clicks with its {Name(rule.Rule)} came before {Time(rule.WindowFrom ?? windowFrom)}, where the window begins.",
                    "not_alone" => "Many people may have this address: it never decides alone.",
                    "ambiguous" => "Several people clicked the same ad: which one it was cannot be told.",
                    "after_sale" => $"The clicks with its {Name(rule.Rule)} came after the sale.",
                    "not_needed" => "A stronger rule had decided.",
                    var outcome => $"{Words(outcome)}.",
                }
            )),
        ];

    private static IReadOnlyList<TimelineCandidate> Candidates(
        IReadOnlyList<MatchCandidate> candidates,
        DateTimeOffset windowFrom,
        bool isFirst = false
    ) =>
        [
            .. candidates.Select(candidate => new TimelineCandidate(
                candidate.ClickId,
                Named<MatchRule>.Of(candidate.Rule),
                candidate.ClickedAt,
                candidate.Reason,
                candidate.Reason switch
                {
                    "won" when isFirst => "Won: the first touch, which is what the rules count.",
                    "won" => $"Won: the last click before the sale with its {Name(candidate.Rule)}.",
                    "outside_window" => $"Lost: it came before {Time(windowFrom)}, where the window begins.",
                    "after_sale" => "Lost: it came after the sale.",
                    "older_touch" => "Lost: a later click by the same rule won.",
                    "later_touch" => "Lost: an earlier click won, and the rules count the first touch.",
                    "same_click" => $"The winner, known by its {Name(candidate.Rule)} too.",
                    "not_alone" => "Lost: many people may have this address.",
                    "ambiguous" => "Lost: several people clicked the same ad.",
                    "weaker_rule" => "Lost: a stronger rule had decided.",
                    var reason => $"Lost: {Words(reason)}.",
                }
            )),
        ];

    internal static string Name(MatchRule rule) =>
        rule switch
        {
            MatchRule.ClickToken => "click token",
            MatchRule.EmailHash => "e-mail",
            MatchRule.PhoneHash => "phone",
            MatchRule.TrackingId => "another script's id",
            MatchRule.ExternalId => "external id",
            MatchRule.IpUserAgent => "address and browser",
            MatchRule.AdId => "ad",
            _ => Named<MatchRule>.Of(rule),
        };

    private static TimelineDispatch DispatchOf(DispatchSucceeded sent) =>
        new(DispatchStatus.Sent, EventName: null, sent.PixelId)
        {
            Attempt = sent.Attempt,
            HttpStatus = sent.HttpStatus,
            FbTraceId = sent.FbTraceId,
            LatencyMs = sent.LatencyMs,
        };

    private static TimelineDispatch DispatchOf(DispatchFailed failed) =>
        new(DispatchStatus.Failed, EventName: null, failed.PixelId)
        {
            Attempt = failed.Attempt,
            HttpStatus = failed.HttpStatus,
            Reason = failed.ErrorClass,
            Code = failed.Code,
            Subcode = failed.Subcode,
            Error = failed.Error,
            FbTraceId = failed.FbTraceId,
            LatencyMs = failed.LatencyMs,
            RetryAt = failed.RetryAt,
        };

    private static TimelineDispatch DispatchOf(DispatchDeadLettered dead) =>
        new(DispatchStatus.Dead, EventName: null, dead.PixelId)
        {
            Attempt = dead.Attempt,
            HttpStatus = dead.HttpStatus,
            Reason = dead.Reason,
            Code = dead.Code,
            Subcode = dead.Subcode,
            Error = dead.Error,
            FbTraceId = dead.FbTraceId,
            LatencyMs = dead.LatencyMs,
        };

    private static string Answer(int? httpStatus, int? code, int? subcode) =>
        httpStatus is null ? "Meta gave no answer"
        : code is null ? $"Meta answered HTTP {httpStatus}"
        : $"Meta answered HTTP {httpStatus}, code {code}{(subcode is null ? "" : $"/{subcode}")}";

    private static IReadOnlyList<string> Said(string error) => error.Length == 0 ? [] : [error];

    private static string Words(string code) => code.Replace('_', ' ');

    private static string Amount(Money money) => string.Create(CultureInfo.InvariantCulture, $"{money.Amount:0.00##} {money.Currency}");

    private static string Milliseconds(double latency) => string.Create(CultureInfo.InvariantCulture, $"{latency:0} ms");

    internal static string Time(DateTimeOffset at) =>
        at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
