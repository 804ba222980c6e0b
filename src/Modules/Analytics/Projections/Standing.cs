using TrackAi.Contracts;

namespace TrackAi.Analytics.Projections;

/// <summary>One conversion with its dispatches: where they stood, and where they stand.</summary>
internal sealed class Standing
{
    private const string Purchase = "Purchase";

    // Why a conversion waits that nobody has decided to send yet.
    private const string NotApproved = "not_approved";

    private static readonly string Approved = Named<PaymentState>.Of(PaymentState.Approved);
    private static readonly string Renewal = Named<ConversionKind>.Of(ConversionKind.Renewal);

    // By id, few.
    private readonly List<DispatchStanding> dispatches = [];

    public ConversionState? Before { get; private set; }

    /// <summary>Null of a conversion whose first event was stepped over: there is nothing to change.</summary>
    public ConversionState? Now { get; private set; }

    public IReadOnlyList<DispatchStanding> Dispatches => dispatches;

    /// <summary>What is known so far is what was before.</summary>
    public void Settle()
    {
        Before = Now;
        foreach (var dispatch in dispatches)
            dispatch.Settle();
    }

    public void Know(ConversionState state) => Before = Now = state;

    public void Know(string dispatchId, DispatchState state)
    {
        var dispatch = new DispatchStanding(dispatchId) { Now = state };
        dispatch.Settle();
        Add(dispatch);
    }

    public void Apply(ConversionFact fact)
    {
        switch (fact)
        {
            case Received received:
                Receive(received);
                break;
            case StateMoved moved:
                Move(moved);
                break;
            case Decided decided:
                Decide(decided);
                break;
            case Requested requested:
                Request(requested);
                break;
            case Skipped skipped:
                Skip(skipped);
                break;
            case Tried tried:
                Try(tried);
                break;
            case Redriven redriven:
                Redrive(redriven);
                break;
            case var other:
                throw new InvalidOperationException($"No event says {other.GetType().Name} of a conversion.");
        }
    }

    // The log holds it once; what a foreign appender repeats is not counted again.
    private void Receive(Received received)
    {
        var isPaid = received.State == Approved;
        Now ??= new ConversionState(
            received.ReceivedAt,
            received.Gateway,
            received.Kind,
            received.State,
            received.Amount,
            received.Currency,
            received.GatewayStatus,
            received.OccurredAt,
            isPaid ? received.OccurredAt : null,
            Matched: null,
            MatchRule: null,
            MatchScore: null,
            ClickId: null,
            DecidedAt: null,
            DispatchStatus.Waiting,
            isPaid ? null : NotApproved,
            SentAt: null,
            FunnelId: null
        );
    }

    // A refund may name what was given back: the amount stays the sale's.
    private void Move(StateMoved change)
    {
        if (Changing() is not { } conversion)
            return;
        (conversion.State, conversion.GatewayStatus, conversion.StateChangedAt) = (change.To, change.GatewayStatus, change.OccurredAt);
        if (change.To != Approved)
            return;
        (conversion.Amount, conversion.Currency) = (change.Amount, change.Currency);
        conversion.PaidAt ??= change.OccurredAt;
        if (conversion.DispatchReason == NotApproved)
            conversion.DispatchReason = null;
    }

    private void Decide(Decided decided)
    {
        if (Changing() is not { } conversion)
            return;
        conversion.Matched = decided.Matched;
        conversion.MatchRule = decided.Rule;
        conversion.MatchScore = decided.Score;
        conversion.ClickId = decided.ClickId;
        conversion.DecidedAt = decided.DecidedAt;
        conversion.FunnelId = decided.FunnelId;
    }

    // What it was stays as it was.
    private ConversionState? Changing() => ReferenceEquals(Now, Before) && Now is not null ? Now = Now with { } : Now;

    private void Request(Requested requested)
    {
        var dispatch = Dispatch(requested.DispatchId);
        var before = dispatch.Now;
        if (before?.Status == DispatchStatus.Sent)
            return;
        Set(
            dispatch,
            new DispatchState(
                requested.Gateway,
                requested.EventName,
                requested.PixelId,
                DispatchStatus.Waiting,
                Reason: null,
                before?.Attempts ?? 0,
                LastAttempt: null,
                before?.RequestedAt ?? requested.RequestedAt,
                requested.RequestedAt,
                RetryAt: null
            )
        );
    }

    private void Redrive(Redriven redriven)
    {
        if (dispatches.Find(one => one.Id == redriven.DispatchId) is { Now: { Status: not DispatchStatus.Sent } before } dispatch)
            Set(dispatch, before with { Status = DispatchStatus.Waiting, Reason = null, ChangedAt = redriven.RedrivenAt, RetryAt = null });
    }

    private void Skip(Skipped skipped)
    {
        foreach (var dispatch in dispatches.Where(dispatch => IsOpen(dispatch.Now!, skipped.EventName)))
            Set(
                dispatch,
                dispatch.Now! with
                {
                    Status = DispatchStatus.Skipped,
                    Reason = skipped.Reason,
                    ChangedAt = skipped.DecidedAt,
                    RetryAt = null,
                }
            );
        if (Now is not null && Speaks(skipped.EventName) && MostUrgent() is null)
            Stand(DispatchStatus.Skipped, skipped.Reason, sentAt: Now.SentAt);
    }

    private static bool IsOpen(DispatchState dispatch, string eventName) =>
        dispatch.EventName == eventName && dispatch.Status is DispatchStatus.Waiting or DispatchStatus.Failed or DispatchStatus.Skipped;

    private void Try(Tried tried)
    {
        var dispatch = Dispatch(tried.DispatchId);
        var before = dispatch.Now;
        // What Meta has confirmed stays confirmed.
        if (before?.Status == DispatchStatus.Sent)
            return;
        Set(
            dispatch,
            new DispatchState(
                tried.Gateway,
                before?.EventName,
                tried.PixelId,
                tried.Status,
                tried.Reason,
                Math.Max(before?.Attempts ?? 0, tried.Number),
                tried.Sequence,
                before?.RequestedAt,
                tried.AttemptedAt,
                tried.RetryAt
            )
        );
    }

    private DispatchStanding Dispatch(string id) => dispatches.Find(one => one.Id == id) ?? Add(new DispatchStanding(id));

    private DispatchStanding Add(DispatchStanding dispatch)
    {
        var after = dispatches.FindIndex(one => string.CompareOrdinal(one.Id, dispatch.Id) > 0);
        dispatches.Insert(after < 0 ? dispatches.Count : after, dispatch);
        return dispatch;
    }

    private void Set(DispatchStanding dispatch, DispatchState state)
    {
        dispatch.Now = state;
        if (Now is not null && MostUrgent() is { } speaker)
            Stand(speaker.Status, speaker.Reason, speaker.Status == DispatchStatus.Sent ? Now.SentAt ?? speaker.ChangedAt : null);
    }

    private void Stand(string status, string? reason, DateTimeOffset? sentAt)
    {
        var conversion = Changing()!;
        (conversion.DispatchStatus, conversion.DispatchReason, conversion.SentAt) = (status, reason, sentAt);
    }

    // Of several pixels the one that still needs something speaks for the conversion.
    private DispatchState? MostUrgent()
    {
        DispatchState? speaker = null;
        foreach (var dispatch in dispatches)
            if (
                Speaks(dispatch.Now!.EventName)
                && (speaker is null || DispatchStatus.Urgency(dispatch.Now.Status) < DispatchStatus.Urgency(speaker.Status))
            )
                speaker = dispatch.Now;
        return speaker;
    }

    // An InitiateCheckout of a pix that nobody has paid yet is not the sale. A renewal goes by the name its funnel gives it.
    private bool Speaks(string? eventName) => eventName is null or Purchase || Now!.Kind == Renewal;
}

/// <summary>One dispatch: where it stood, and where it stands.</summary>
internal sealed class DispatchStanding(string id)
{
    public string Id { get; } = id;
    public DispatchState? Before { get; private set; }

    /// <summary>Null only until the fact is applied that told of it.</summary>
    public DispatchState? Now { get; set; }

    public void Settle() => Before = Now;
}
