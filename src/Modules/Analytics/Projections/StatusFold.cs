using TrackAi.Contracts;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Folds a page of facts over the rows as they stand.
/// </summary>
internal sealed class StatusFold(
    TenantDays days,
    IReadOnlyDictionary<ConversionKey, ConversionState> conversionsBefore,
    IReadOnlyDictionary<DispatchKey, DispatchState> dispatchesBefore
)
{
    private const string Purchase = "Purchase";

    private static readonly string Approved = Named<PaymentState>.Of(PaymentState.Approved);

    // Why a conversion waits that nobody has decided to send yet.
    private const string NotApproved = "not_approved";

    private readonly Dictionary<ConversionKey, ConversionState> conversions = new(conversionsBefore);
    private readonly Dictionary<DispatchKey, DispatchState> dispatches = new(dispatchesBefore);
    private readonly MultiMap<ConversionKey, DispatchKey> dispatchesOf = new(dispatchesBefore.Keys.Select(key => (key.Conversion, key)));

    public List<TenantSeen> Tenants { get; } = [];

    public IEnumerable<KeyValuePair<ConversionKey, ConversionState>> NewConversions() =>
        conversions.Where(now => !conversionsBefore.ContainsKey(now.Key));

    public IEnumerable<KeyValuePair<ConversionKey, ConversionState>> ChangedConversions() =>
        conversions.Where(now => conversionsBefore.TryGetValue(now.Key, out var before) && before != now.Value);

    public IEnumerable<KeyValuePair<DispatchKey, DispatchState>> NewDispatches() =>
        dispatches.Where(now => !dispatchesBefore.ContainsKey(now.Key));

    public IEnumerable<KeyValuePair<DispatchKey, DispatchState>> ChangedDispatches() =>
        dispatches.Where(now => dispatchesBefore.TryGetValue(now.Key, out var before) && before != now.Value);

    public void Apply(StatusFact fact)
    {
        switch (fact)
        {
            case TenantSeen tenant:
                Tenants.Add(tenant);
                days.Learn(tenant.TenantId, tenant.TimeZone);
                break;
            case Received received:
                Receive(received);
                break;
            case StateMoved moved:
                Change(moved.Key, conversion => Move(conversion, moved));
                break;
            case Decided decided:
                Change(decided.Key, conversion => Decide(conversion, decided));
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
                throw new InvalidOperationException($"ConversionStatus asked for no {other.GetType().Name}.");
        }
    }

    // The log holds it once; what a foreign appender repeats is not counted again.
    private void Receive(Received received)
    {
        var isPaid = received.State == Approved;
        conversions.TryAdd(
            received.Key,
            new ConversionState(
                received.ReceivedAt,
                days.DayOf(received.TenantId, received.ReceivedAt),
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
            )
        );
    }

    // A refund may name what was given back: the amount stays the sale's.
    private static ConversionState Move(ConversionState conversion, StateMoved change)
    {
        var moved = conversion with { State = change.To, GatewayStatus = change.GatewayStatus, StateChangedAt = change.OccurredAt };
        return change.To != Approved
            ? moved
            : moved with
            {
                Amount = change.Amount,
                Currency = change.Currency,
                PaidAt = conversion.PaidAt ?? change.OccurredAt,
                DispatchReason = conversion.DispatchReason == NotApproved ? null : conversion.DispatchReason,
            };
    }

    private static ConversionState Decide(ConversionState conversion, Decided decided) =>
        conversion with
        {
            Matched = decided.Matched,
            MatchRule = decided.Rule,
            MatchScore = decided.Score,
            ClickId = decided.ClickId,
            DecidedAt = decided.DecidedAt,
            FunnelId = decided.FunnelId,
        };

    private void Request(Requested requested)
    {
        var key = new DispatchKey(requested.TenantId, requested.Key.ConversionId, requested.DispatchId);
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
                LastAttempt: null,
                before?.RequestedAt ?? requested.RequestedAt,
                requested.RequestedAt,
                RetryAt: null
            )
        );
    }

    private void Redrive(Redriven redriven)
    {
        var key = new DispatchKey(redriven.TenantId, redriven.Key.ConversionId, redriven.DispatchId);
        if (dispatches.GetValueOrDefault(key) is { Status: not DispatchStatus.Sent } before)
            Set(key, before with { Status = DispatchStatus.Waiting, Reason = null, ChangedAt = redriven.RedrivenAt, RetryAt = null });
    }

    private void Skip(Skipped skipped)
    {
        foreach (var dispatch in dispatchesOf[skipped.Key].Where(dispatch => IsOpen(dispatches[dispatch], skipped.EventName)).ToArray())
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
        if (
            conversions.TryGetValue(skipped.Key, out var conversion)
            && Speaks(conversion, skipped.EventName)
            && !Deciding(skipped.Key, conversion).Any()
        )
            conversions[skipped.Key] = conversion with { DispatchStatus = DispatchStatus.Skipped, DispatchReason = skipped.Reason };
    }

    private static bool IsOpen(DispatchState dispatch, string eventName) =>
        dispatch.EventName == eventName && dispatch.Status is DispatchStatus.Waiting or DispatchStatus.Failed or DispatchStatus.Skipped;

    private void Try(Tried tried)
    {
        var key = new DispatchKey(tried.TenantId, tried.Key.ConversionId, tried.DispatchId);
        var before = dispatches.GetValueOrDefault(key);
        // What Meta has confirmed stays confirmed.
        if (before?.Status == DispatchStatus.Sent)
            return;
        Set(
            key,
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

    private void Set(DispatchKey key, DispatchState dispatch)
    {
        var of = key.Conversion;
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
        dispatchesOf[key]
            .OrderBy(dispatch => dispatch.DispatchId, StringComparer.Ordinal)
            .Select(dispatch => dispatches[dispatch])
            .Where(dispatch => Speaks(conversion, dispatch.EventName));

    // An InitiateCheckout of a pix that nobody has paid yet is not the sale. A renewal goes by the name its funnel gives it.
    private static bool Speaks(ConversionState conversion, string? eventName) =>
        eventName is null or Purchase || conversion.Kind == Named<ConversionKind>.Of(ConversionKind.Renewal);

    // Events of a conversion whose first event was stepped over have no row to change.
    private void Change(ConversionKey key, Func<ConversionState, ConversionState> change)
    {
        if (conversions.TryGetValue(key, out var conversion))
            conversions[key] = change(conversion);
    }
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
