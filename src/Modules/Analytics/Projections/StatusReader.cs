using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>How the events that move a conversion are read, for all that tells where conversions stand.</summary>
internal sealed class StatusReader
{
    /// <summary>Everything that a row tells of a conversion, and the zones that its days are in.</summary>
    public static readonly EventFacts<StatusFact> Rows = new StatusReader(Readers.Rows).RowFacts();

    /// <summary>What a conversion is counted by, and no more: it goes by its stream there, and what only a row tells is empty.</summary>
    public static readonly EventFacts<StatusFact> Figures = new StatusReader(Readers.Figures).Facts();

    private readonly EventMemberSet asked = new();
    private readonly EventMember conversionId;
    private readonly EventMember gateway;
    private readonly EventMember kind;
    private readonly EventMember state;
    private readonly EventMember to;
    private readonly EventMember amount;
    private readonly EventMember currency;
    private readonly EventMember gatewayStatus;
    private readonly EventMember occurredAt;
    private readonly EventMember receivedAt;
    private readonly EventMember rule;
    private readonly EventMember score;
    private readonly EventMember clickId;
    private readonly EventMember decidedAt;
    private readonly EventMember funnelId;
    private readonly EventMember dispatchId;
    private readonly EventMember eventName;
    private readonly EventMember pixelId;
    private readonly EventMember requestedAt;
    private readonly EventMember reason;
    private readonly EventMember errorClass;
    private readonly EventMember number;
    private readonly EventMember attemptedAt;
    private readonly EventMember retryAt;
    private readonly EventMember redrivenAt;
    private readonly EventMember httpStatus;
    private readonly EventMember latencyMs;
    private readonly EventMember slug;
    private readonly EventMember timeZone;

    private StatusReader(Readers reader)
    {
        conversionId = Ask("conversionId", Readers.Rows);
        gateway = Ask("gateway");
        kind = Ask("kind");
        state = Ask("state");
        to = Ask("to");
        amount = Ask("value.amount");
        currency = Ask("value.currency");
        gatewayStatus = Ask("gatewayStatus", Readers.Rows);
        occurredAt = Ask("occurredAt", Readers.Rows);
        receivedAt = Ask("receivedAt");
        rule = Ask("rule");
        score = Ask("score", Readers.Rows);
        clickId = Ask("clickId", Readers.Rows);
        decidedAt = Ask("decidedAt", Readers.Rows);
        funnelId = Ask("funnelId");
        dispatchId = Ask("dispatchId");
        eventName = Ask("eventName");
        pixelId = Ask("pixelId", Readers.Rows);
        requestedAt = Ask("requestedAt", Readers.Rows);
        reason = Ask("reason");
        errorClass = Ask("errorClass");
        number = Ask("attempt", Readers.Rows);
        attemptedAt = Ask("attemptedAt");
        retryAt = Ask("retryAt", Readers.Rows);
        redrivenAt = Ask("redrivenAt", Readers.Rows);
        httpStatus = Ask("httpStatus", Readers.Figures);
        latencyMs = Ask("latencyMs", Readers.Figures);
        slug = Ask("slug", Readers.Rows);
        timeZone = Ask("timeZone", Readers.Rows);

        EventMember Ask(string path, Readers by = Readers.All) => by.HasFlag(reader) ? asked.Add(path) : EventMember.NotAsked;
    }

    [Flags]
    private enum Readers
    {
        Rows = 1,
        Figures = 2,
        All = Rows | Figures,
    }

    // What other programs and older versions wrote may have more places than a sum has, or be more than it holds: every figure it is in would fail.
    private decimal AmountOf(EventMembers e) => Math.Clamp(Money.Rounded(e.Number(amount)), -Money.Limit, Money.Limit);

    private EventFacts<StatusFact> RowFacts() =>
        Facts().On<TenantAdded>([slug, timeZone], e => new TenantSeen(e.Text(slug), e.Text(timeZone)));

    private EventFacts<StatusFact> Facts() =>
        new EventFacts<StatusFact>()
            .On<ConversionReceived>(
                [conversionId, gateway, kind, state, amount, currency, gatewayStatus, occurredAt, receivedAt],
                e => new Received(
                    KeyOf(e),
                    e.Text(gateway),
                    NameOf<ConversionKind>(e, kind),
                    NameOf<PaymentState>(e, state),
                    AmountOf(e),
                    e.Text(currency),
                    e.Text(gatewayStatus),
                    e.Time(occurredAt),
                    e.Time(receivedAt)
                )
            )
            .On<ConversionStateChanged>(
                [conversionId, to, amount, currency, gatewayStatus, occurredAt],
                e => new StateMoved(
                    KeyOf(e),
                    NameOf<PaymentState>(e, to),
                    AmountOf(e),
                    e.Text(currency),
                    e.Text(gatewayStatus),
                    e.Time(occurredAt)
                )
            )
            .On<ConversionMatched>(
                [conversionId, rule, score, clickId, decidedAt, funnelId],
                e => new Decided(
                    KeyOf(e),
                    Matched: true,
                    NameOf<MatchRule>(e, rule),
                    e.RealOrNull(score),
                    e.TextOrNull(clickId),
                    e.Time(decidedAt),
                    e.TextOrNull(funnelId)
                )
            )
            .On<ConversionUnmatched>(
                [conversionId, decidedAt, funnelId],
                e => new Decided(KeyOf(e), Matched: false, null, null, null, e.Time(decidedAt), e.TextOrNull(funnelId))
            )
            .On<DispatchRequested>(
                [conversionId, dispatchId, gateway, eventName, pixelId, requestedAt],
                e => new Requested(KeyOf(e), e.Text(dispatchId), e.Text(gateway), e.Text(eventName), e.Text(pixelId), e.Time(requestedAt))
            )
            .On<DispatchSkipped>(
                [conversionId, eventName, reason, decidedAt],
                e => new Skipped(KeyOf(e), e.Text(eventName), e.Text(reason), e.Time(decidedAt))
            )
            .On<DispatchSucceeded>([.. Attempted], e => AttemptOf(e, DispatchStatus.Sent, null, null))
            .On<DispatchFailed>(
                [.. Attempted, errorClass, retryAt],
                e => AttemptOf(e, DispatchStatus.Failed, e.Text(errorClass), e.Time(retryAt))
            )
            .On<DispatchRedriven>(
                [conversionId, dispatchId, redrivenAt],
                e => new Redriven(KeyOf(e), e.Text(dispatchId), e.Time(redrivenAt))
            )
            .On<DispatchDeadLettered>([.. Attempted, reason], e => AttemptOf(e, DispatchStatus.Dead, e.Text(reason), null));

    private EventMember[] Attempted => [conversionId, dispatchId, gateway, pixelId, number, attemptedAt, httpStatus, latencyMs];

    private ConversionKey KeyOf(EventMembers e) => new(e.TenantId, conversionId.IsAsked ? e.Text(conversionId) : e.Stream.Id);

    private static string NameOf<TEnum>(EventMembers e, EventMember member)
        where TEnum : struct, Enum => Named<TEnum>.OfText(e.Text(member)) ?? throw e.Unreadable(member, $"is no {typeof(TEnum).Name}");

    private Tried AttemptOf(EventMembers e, string status, string? why, DateTimeOffset? retry) =>
        new(
            KeyOf(e),
            e.Sequence,
            e.Text(dispatchId),
            e.Text(gateway),
            e.Text(pixelId),
            e.Whole(number),
            status,
            why,
            e.Time(attemptedAt),
            retry,
            e.TextOrNull(httpStatus) is not null,
            e.RealOrNull(latencyMs) ?? 0
        );
}
