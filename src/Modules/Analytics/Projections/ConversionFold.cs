using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

internal readonly record struct ConversionKey(string TenantId, string ConversionId);

internal readonly record struct DispatchKey(string TenantId, string ConversionId, string DispatchId);

/// <summary>Where a dispatch, or all of a conversion's together, stands.</summary>
internal static class DispatchStatus
{
    /// <summary>Nothing decided yet, or not yet tried.</summary>
    public const string Waiting = "waiting";

    /// <summary>The last attempt failed and another one is due.</summary>
    public const string Failed = "failed";
    public const string Sent = "sent";
    public const string Skipped = "skipped";
    public const string Dead = "dead";

    public static readonly IReadOnlyList<string> All = [Waiting, Failed, Sent, Skipped, Dead];

    /// <summary>Of several pixels the one that still needs something speaks for the conversion.</summary>
    public static readonly IReadOnlyList<string> MostUrgentFirst = [Waiting, Failed, Dead, Sent, Skipped];
}

/// <summary>What changes of a conversion, and what its figures are counted by.</summary>
internal sealed record ConversionState(
    DateOnly Date,
    string Gateway,
    string Kind,
    string State,
    decimal Amount,
    string Currency,
    string GatewayStatus,
    DateTimeOffset StateChangedAt,
    DateTimeOffset? PaidAt,
    bool? Matched,
    string? MatchRule,
    double? MatchScore,
    string? ClickId,
    DateTimeOffset? DecidedAt,
    string DispatchStatus,
    string? DispatchReason,
    DateTimeOffset? SentAt
);

/// <summary>The figures a conversion is counted in.</summary>
internal sealed record Cell(
    string TenantId,
    DateOnly Date,
    string Gateway,
    string Kind,
    string State,
    string Currency,
    string Match,
    string DispatchStatus,
    string DispatchReason
)
{
    public static Cell Of(string tenant, ConversionState conversion) =>
        new(
            tenant,
            conversion.Date,
            conversion.Gateway,
            conversion.Kind,
            conversion.State,
            conversion.Currency,
            conversion.Matched switch
            {
                true => conversion.MatchRule ?? "",
                false => "unmatched",
                null => "undecided",
            },
            conversion.DispatchStatus,
            conversion.DispatchReason ?? ""
        );
}

internal sealed record DispatchState(
    string Gateway,
    string? EventName,
    string PixelId,
    string Status,
    string? Reason,
    int Attempts,
    int? HttpStatus,
    int? Code,
    int? Subcode,
    string? Error,
    string? FbTraceId,
    DateTimeOffset? RequestedAt,
    DateTimeOffset ChangedAt,
    DateTimeOffset? RetryAt
);

/// <summary>One row of <c>dispatch_attempt</c>.</summary>
internal sealed record Attempt(
    DispatchKey Key,
    long Sequence,
    string Gateway,
    string PixelId,
    int Number,
    string Status,
    int? HttpStatus,
    string? Reason,
    int? Code,
    int? Subcode,
    string? Error,
    string? FbTraceId,
    decimal LatencyMs,
    DateTimeOffset AttemptedAt
);

/// <summary>One row of <c>match_log</c>.</summary>
internal sealed record LoggedDecision(
    ConversionKey Key,
    long Sequence,
    string Gateway,
    bool Matched,
    string? MatchRule,
    string? ClickId,
    DateTimeOffset? ClickedAt,
    double? Score,
    string? Reason,
    IReadOnlyList<RuleTried> Tried,
    IReadOnlyList<MatchCandidate> Candidates,
    DateTimeOffset WindowFrom,
    int RuleVersion,
    DateTimeOffset DecidedAt
);

/// <summary>
/// Folds a page of events over the rows as they stand. What is counted follows from the difference between a row before and after, so a
/// conversion that goes from waiting to sent is moved once, however many events said so.
/// </summary>
internal sealed class ConversionFold(
    TenantDays days,
    IReadOnlyDictionary<ConversionKey, ConversionState> conversionsBefore,
    IReadOnlyDictionary<DispatchKey, DispatchState> dispatchesBefore
)
{
    private const string Purchase = "Purchase";

    // Why a conversion waits that nobody has decided to send yet.
    private const string NotApproved = "not_approved";

    private readonly Dictionary<ConversionKey, ConversionState> conversions = new(conversionsBefore);
    private readonly Dictionary<DispatchKey, DispatchState> dispatches = new(dispatchesBefore);
    private readonly MultiMap<ConversionKey, DispatchKey> dispatchesOf = new(
        dispatchesBefore.Keys.Select(key => (new ConversionKey(key.TenantId, key.ConversionId), key))
    );

    public List<(ConversionKey Key, ConversionReceived Event)> Received { get; } = [];
    public List<LoggedDecision> Decisions { get; } = [];
    public List<Attempt> Attempts { get; } = [];
    public List<TenantAdded> Tenants { get; } = [];

    public ConversionState this[ConversionKey key] => conversions[key];

    public IEnumerable<KeyValuePair<ConversionKey, ConversionState>> ChangedConversions() =>
        conversions.Where(now => conversionsBefore.TryGetValue(now.Key, out var before) && before != now.Value);

    public IEnumerable<KeyValuePair<DispatchKey, DispatchState>> ChangedDispatches() =>
        dispatches.Where(now => !dispatchesBefore.TryGetValue(now.Key, out var before) || before != now.Value);

    /// <summary>How many conversions, and how much money, each cell gains or loses.</summary>
    public IReadOnlyCollection<(Cell Cell, long Conversions, decimal Amount)> Moves()
    {
        var moves = new Dictionary<Cell, (long Conversions, decimal Amount)>();
        foreach (var (key, now) in conversions)
        {
            var before = conversionsBefore.GetValueOrDefault(key);
            if (before == now)
                continue;
            if (before is not null)
                Add(Cell.Of(key.TenantId, before), -1, -before.Amount);
            Add(Cell.Of(key.TenantId, now), 1, now.Amount);
        }

        return
        [
            .. moves.Where(move => move.Value != default).Select(move => (move.Key, move.Value.Conversions, Trimmed(move.Value.Amount))),
        ];

        void Add(Cell cell, long count, decimal amount)
        {
            var sum = moves.GetValueOrDefault(cell);
            moves[cell] = (sum.Conversions + count, sum.Amount + amount);
        }
    }

    // Without the zeros that only say how an amount was written: dividing drops them.
    private static decimal Trimmed(decimal amount) => amount / 1.0000000000000000000000000000m;

    public DateOnly DayOf(string tenant, DateTimeOffset at) => days.DayOf(tenant, at);

    public void Apply(RecordedEvent recorded)
    {
        var tenant = recorded.TenantId;
        switch (recorded.Data)
        {
            case TenantAdded added:
                Tenants.Add(added);
                days.Learn(added.Slug, added.TimeZone);
                break;
            case ConversionReceived received:
                Receive(new(tenant, received.ConversionId), received);
                break;
            case ConversionStateChanged changed:
                Change(new(tenant, changed.ConversionId), conversion => Move(conversion, changed));
                break;
            case ConversionMatched matched:
                Decide(Logged(new(tenant, matched.ConversionId), recorded.Sequence, matched));
                break;
            case ConversionUnmatched unmatched:
                Decide(Logged(new(tenant, unmatched.ConversionId), recorded.Sequence, unmatched));
                break;
            case DispatchRequested requested:
                Request(new(tenant, requested.ConversionId, requested.DispatchId), requested);
                break;
            case DispatchSkipped skipped:
                Skip(new(tenant, skipped.ConversionId), skipped);
                break;
            case DispatchSucceeded succeeded:
                Try(AttemptOf(tenant, recorded.Sequence, succeeded), retryAt: null);
                break;
            case DispatchFailed failed:
                Try(AttemptOf(tenant, recorded.Sequence, failed), failed.RetryAt);
                break;
            case DispatchDeadLettered dead:
                Try(AttemptOf(tenant, recorded.Sequence, dead), retryAt: null);
                break;
            case DispatchRedriven redriven:
                Redrive(new(tenant, redriven.ConversionId, redriven.DispatchId), redriven);
                break;
            case var other:
                throw new InvalidOperationException($"Conversions asked for no {other.GetType().Name}.");
        }
    }

    private void Receive(ConversionKey key, ConversionReceived received)
    {
        var conversion = new ConversionState(
            days.DayOf(key.TenantId, received.ReceivedAt),
            received.Gateway,
            Named<ConversionKind>.Of(received.Kind),
            Named<PaymentState>.Of(received.State),
            received.Value.Amount,
            received.Value.Currency,
            received.GatewayStatus,
            received.OccurredAt,
            received.State == PaymentState.Approved ? received.OccurredAt : null,
            Matched: null,
            MatchRule: null,
            MatchScore: null,
            ClickId: null,
            DecidedAt: null,
            DispatchStatus.Waiting,
            received.State == PaymentState.Approved ? null : NotApproved,
            SentAt: null
        );
        // The log holds it once; what a foreign appender repeats is not counted again.
        if (conversions.TryAdd(key, conversion))
            Received.Add((key, received));
    }

    // A refund may name what was given back: the amount stays the sale's.
    private static ConversionState Move(ConversionState conversion, ConversionStateChanged changed)
    {
        var moved = conversion with
        {
            State = Named<PaymentState>.Of(changed.To),
            GatewayStatus = changed.GatewayStatus,
            StateChangedAt = changed.OccurredAt,
        };
        return changed.To switch
        {
            PaymentState.Approved => moved with
            {
                Amount = changed.Value.Amount,
                Currency = changed.Value.Currency,
                PaidAt = conversion.PaidAt ?? changed.OccurredAt,
                DispatchReason = conversion.DispatchReason == NotApproved ? null : conversion.DispatchReason,
            },
            _ => moved,
        };
    }

    private void Decide(LoggedDecision decision)
    {
        Decisions.Add(decision);
        Change(
            decision.Key,
            conversion =>
                conversion with
                {
                    Matched = decision.Matched,
                    MatchRule = decision.MatchRule,
                    MatchScore = decision.Score,
                    ClickId = decision.ClickId,
                    DecidedAt = decision.DecidedAt,
                }
        );
    }

    private void Request(DispatchKey key, DispatchRequested requested)
    {
        var before = dispatches.GetValueOrDefault(key);
        if (before?.Status == DispatchStatus.Sent)
            return;
        Set(
            key,
            new DispatchState(
                requested.Gateway,
                requested.EventName,
                requested.PixelId,
                DispatchStatus.Waiting,
                Reason: null,
                before?.Attempts ?? 0,
                HttpStatus: null,
                Code: null,
                Subcode: null,
                Error: null,
                FbTraceId: null,
                before?.RequestedAt ?? requested.RequestedAt,
                requested.RequestedAt,
                RetryAt: null
            )
        );
    }

    private void Redrive(DispatchKey key, DispatchRedriven redriven)
    {
        if (dispatches.GetValueOrDefault(key) is { Status: not DispatchStatus.Sent } before)
            Set(key, before with { Status = DispatchStatus.Waiting, Reason = null, ChangedAt = redriven.RedrivenAt, RetryAt = null });
    }

    private void Skip(ConversionKey key, DispatchSkipped skipped)
    {
        foreach (var dispatch in dispatchesOf[key].Where(dispatch => IsOpen(dispatches[dispatch], skipped.EventName)).ToArray())
            Set(
                dispatch,
                dispatches[dispatch] with
                {
                    Status = DispatchStatus.Skipped,
                    Reason = skipped.Reason,
                    ChangedAt = skipped.DecidedAt,
                    RetryAt = null,
                }
            );
        if (conversions.TryGetValue(key, out var conversion) && Speaks(conversion, skipped.EventName) && !Deciding(key, conversion).Any())
            conversions[key] = conversion with { DispatchStatus = DispatchStatus.Skipped, DispatchReason = skipped.Reason };
    }

    private static bool IsOpen(DispatchState dispatch, string eventName) =>
        dispatch.EventName == eventName && dispatch.Status is DispatchStatus.Waiting or DispatchStatus.Failed;

    private void Try(Attempt attempt, DateTimeOffset? retryAt)
    {
        Attempts.Add(attempt);
        var before = dispatches.GetValueOrDefault(attempt.Key);
        // What Meta has confirmed stays confirmed.
        if (before?.Status == DispatchStatus.Sent)
            return;
        Set(
            attempt.Key,
            new DispatchState(
                attempt.Gateway,
                before?.EventName,
                attempt.PixelId,
                attempt.Status,
                attempt.Reason,
                Math.Max(before?.Attempts ?? 0, attempt.Number),
                attempt.HttpStatus,
                attempt.Code,
                attempt.Subcode,
                attempt.Error,
                attempt.FbTraceId,
                before?.RequestedAt,
                attempt.AttemptedAt,
                retryAt
            )
        );
    }

    private void Set(DispatchKey key, DispatchState dispatch)
    {
        var of = new ConversionKey(key.TenantId, key.ConversionId);
        if (!dispatches.ContainsKey(key))
            dispatchesOf.Add(of, key);
        dispatches[key] = dispatch;
        Change(of, conversion => Summed(of, conversion));
    }

    private ConversionState Summed(ConversionKey key, ConversionState conversion)
    {
        if (Deciding(key, conversion).MinBy(dispatch => Urgency(dispatch.Status)) is not { } speaker)
            return conversion;
        return conversion with
        {
            DispatchStatus = speaker.Status,
            DispatchReason = speaker.Reason,
            SentAt = speaker.Status == DispatchStatus.Sent ? conversion.SentAt ?? speaker.ChangedAt : null,
        };
    }

    private static int Urgency(string status) => DispatchStatus.MostUrgentFirst.TakeWhile(known => known != status).Count();

    private IEnumerable<DispatchState> Deciding(ConversionKey key, ConversionState conversion) =>
        dispatchesOf[key].Select(dispatch => dispatches[dispatch]).Where(dispatch => Speaks(conversion, dispatch.EventName));

    // An InitiateCheckout of a pix that nobody has paid yet is not the sale. A renewal goes by the name its funnel gives it.
    private static bool Speaks(ConversionState conversion, string? eventName) =>
        eventName is null or Purchase || conversion.Kind == Named<ConversionKind>.Of(ConversionKind.Renewal);

    // Events of a conversion whose first event was stepped over have no row to change.
    private void Change(ConversionKey key, Func<ConversionState, ConversionState> change)
    {
        if (conversions.TryGetValue(key, out var conversion))
            conversions[key] = change(conversion);
    }

    private static LoggedDecision Logged(ConversionKey key, long sequence, ConversionMatched matched) =>
        new(
            key,
            sequence,
            matched.Gateway,
            Matched: true,
            Named<MatchRule>.Of(matched.Rule),
            matched.ClickId,
            matched.ClickedAt,
            matched.Score,
            Reason: null,
            matched.Tried,
            matched.Candidates,
            matched.WindowFrom,
            matched.RuleVersion,
            matched.DecidedAt
        );

    private static LoggedDecision Logged(ConversionKey key, long sequence, ConversionUnmatched unmatched) =>
        new(
            key,
            sequence,
            unmatched.Gateway,
            Matched: false,
            MatchRule: null,
            ClickId: null,
            ClickedAt: null,
            Score: null,
            unmatched.Reason,
            unmatched.Tried,
            unmatched.Candidates,
            unmatched.WindowFrom,
            unmatched.RuleVersion,
            unmatched.DecidedAt
        );

    private static Attempt AttemptOf(string tenant, long sequence, DispatchSucceeded sent) =>
        new(
            new(tenant, sent.ConversionId, sent.DispatchId),
            sequence,
            sent.Gateway,
            sent.PixelId,
            sent.Attempt,
            DispatchStatus.Sent,
            sent.HttpStatus,
            Reason: null,
            Code: null,
            Subcode: null,
            Error: null,
            sent.FbTraceId,
            Milliseconds(sent.LatencyMs),
            sent.AttemptedAt
        );

    private static Attempt AttemptOf(string tenant, long sequence, DispatchFailed failed) =>
        new(
            new(tenant, failed.ConversionId, failed.DispatchId),
            sequence,
            failed.Gateway,
            failed.PixelId,
            failed.Attempt,
            DispatchStatus.Failed,
            failed.HttpStatus,
            failed.ErrorClass,
            failed.Code,
            failed.Subcode,
            failed.Error,
            failed.FbTraceId,
            Milliseconds(failed.LatencyMs),
            failed.AttemptedAt
        );

    private static Attempt AttemptOf(string tenant, long sequence, DispatchDeadLettered dead) =>
        new(
            new(tenant, dead.ConversionId, dead.DispatchId),
            sequence,
            dead.Gateway,
            dead.PixelId,
            dead.Attempt,
            DispatchStatus.Dead,
            dead.HttpStatus,
            dead.Reason,
            dead.Code,
            dead.Subcode,
            dead.Error,
            dead.FbTraceId,
            Milliseconds(dead.LatencyMs),
            dead.AttemptedAt
        );

    // Sums of decimals do not depend on their order, so a rebuild comes to the same figures.
    private static decimal Milliseconds(double latency) => Math.Round((decimal)Math.Clamp(latency, 0, 1e9), 3);
}

/// <summary>Many values a key, growing.</summary>
internal sealed class MultiMap<TKey, TValue>
    where TKey : notnull
{
    private readonly Dictionary<TKey, List<TValue>> values = [];

    public MultiMap(IEnumerable<(TKey Key, TValue Value)> pairs)
    {
        foreach (var (key, value) in pairs)
            Add(key, value);
    }

    public IReadOnlyList<TValue> this[TKey key] => values.TryGetValue(key, out var found) ? found : [];

    public void Add(TKey key, TValue value)
    {
        if (!values.TryGetValue(key, out var found))
            values[key] = found = [];
        found.Add(value);
    }
}
