using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>How the events that move a conversion are read, for all that tells where conversions stand.</summary>
internal static class StatusReader
{
    private static readonly EventMemberSet Asked = new();
    private static readonly EventMember Slug = Asked.Add("slug");
    private static readonly EventMember TimeZone = Asked.Add("timeZone");
    private static readonly EventMember ConversionId = Asked.Add("conversionId");
    private static readonly EventMember Gateway = Asked.Add("gateway");
    private static readonly EventMember Kind = Asked.Add("kind");
    private static readonly EventMember State = Asked.Add("state");
    private static readonly EventMember To = Asked.Add("to");
    private static readonly EventMember Amount = Asked.Add("value.amount");
    private static readonly EventMember Currency = Asked.Add("value.currency");
    private static readonly EventMember GatewayStatus = Asked.Add("gatewayStatus");
    private static readonly EventMember OccurredAt = Asked.Add("occurredAt");
    private static readonly EventMember ReceivedAt = Asked.Add("receivedAt");
    private static readonly EventMember Rule = Asked.Add("rule");
    private static readonly EventMember Score = Asked.Add("score");
    private static readonly EventMember ClickId = Asked.Add("clickId");
    private static readonly EventMember DecidedAt = Asked.Add("decidedAt");
    private static readonly EventMember FunnelId = Asked.Add("funnelId");
    private static readonly EventMember DispatchId = Asked.Add("dispatchId");
    private static readonly EventMember EventName = Asked.Add("eventName");
    private static readonly EventMember PixelId = Asked.Add("pixelId");
    private static readonly EventMember RequestedAt = Asked.Add("requestedAt");
    private static readonly EventMember Reason = Asked.Add("reason");
    private static readonly EventMember ErrorClass = Asked.Add("errorClass");
    private static readonly EventMember Number = Asked.Add("attempt");
    private static readonly EventMember AttemptedAt = Asked.Add("attemptedAt");
    private static readonly EventMember RetryAt = Asked.Add("retryAt");
    private static readonly EventMember RedrivenAt = Asked.Add("redrivenAt");
    private static readonly EventMember HttpStatus = Asked.Add("httpStatus");
    private static readonly EventMember LatencyMs = Asked.Add("latencyMs");

    public static readonly EventFacts<StatusFact> Facts = new EventFacts<StatusFact>(Asked)
        .On<TenantAdded>(e => new TenantSeen(e.Text(Slug), e.Text(TimeZone)))
        .On<ConversionReceived>(e => new Received(
            KeyOf(e),
            e.Text(Gateway),
            NameOf<ConversionKind>(e, Kind),
            NameOf<PaymentState>(e, State),
            e.Number(Amount),
            e.Text(Currency),
            e.Text(GatewayStatus),
            e.Time(OccurredAt),
            e.Time(ReceivedAt)
        ))
        .On<ConversionStateChanged>(e => new StateMoved(
            KeyOf(e),
            NameOf<PaymentState>(e, To),
            e.Number(Amount),
            e.Text(Currency),
            e.Text(GatewayStatus),
            e.Time(OccurredAt)
        ))
        .On<ConversionMatched>(e => new Decided(
            KeyOf(e),
            Matched: true,
            NameOf<MatchRule>(e, Rule),
            e.RealOrNull(Score),
            e.TextOrNull(ClickId),
            e.Time(DecidedAt),
            e.TextOrNull(FunnelId)
        ))
        .On<ConversionUnmatched>(e => new Decided(KeyOf(e), Matched: false, null, null, null, e.Time(DecidedAt), e.TextOrNull(FunnelId)))
        .On<DispatchRequested>(e => new Requested(
            KeyOf(e),
            e.Text(DispatchId),
            e.Text(Gateway),
            e.Text(EventName),
            e.Text(PixelId),
            e.Time(RequestedAt)
        ))
        .On<DispatchSkipped>(e => new Skipped(KeyOf(e), e.Text(EventName), e.Text(Reason), e.Time(DecidedAt)))
        .On<DispatchSucceeded>(e => AttemptOf(e, DispatchStatus.Sent, null, null))
        .On<DispatchFailed>(e => AttemptOf(e, DispatchStatus.Failed, e.Text(ErrorClass), e.Time(RetryAt)))
        .On<DispatchRedriven>(e => new Redriven(KeyOf(e), e.Text(DispatchId), e.Time(RedrivenAt)))
        .On<DispatchDeadLettered>(e => AttemptOf(e, DispatchStatus.Dead, e.Text(Reason), null));

    private static ConversionKey KeyOf(EventMembers e) => new(e.TenantId, e.Text(ConversionId));

    private static string NameOf<TEnum>(EventMembers e, EventMember member)
        where TEnum : struct, Enum => Named<TEnum>.OfText(e.Text(member)) ?? throw e.Unreadable(member, $"is no {typeof(TEnum).Name}");

    private static Tried AttemptOf(EventMembers e, string status, string? reason, DateTimeOffset? retryAt) =>
        new(
            KeyOf(e),
            e.Sequence,
            e.Text(DispatchId),
            e.Text(Gateway),
            e.Text(PixelId),
            e.Whole(Number),
            status,
            reason,
            e.Time(AttemptedAt),
            retryAt,
            e.TextOrNull(HttpStatus) is not null,
            e.RealOrNull(LatencyMs) ?? 0
        );
}
