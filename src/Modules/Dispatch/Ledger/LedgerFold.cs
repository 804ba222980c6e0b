using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Ledger;

/// <summary>What became of each conversion, counted from the log alone. Pure: events in, figures out.</summary>
internal sealed class LedgerFold
{
    private enum State
    {
        Waiting,
        Dead,
        Sent,
    }

    private sealed class Conversion(long received, DateOnly day, string gateway, string order, bool isRenewal)
    {
        public long Received { get; } = received;

        /// <summary>Where it became approved for the first time, and where it was joined to a click or to none; null while it was not.</summary>
        public long? Approved { get; set; }
        public long? Matched { get; set; }

        public DateOnly Day { get; } = day;
        public string Gateway { get; } = gateway;
        public string Order { get; } = order;
        public bool IsRenewal { get; } = isRenewal;
        public string? SkipReason { get; set; }
        public Dictionary<string, (State State, string? Reason, bool Counts)> Dispatches { get; } = new(StringComparer.Ordinal);
    }

    private readonly Dictionary<string, TimeZoneInfo> zones = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Tenant, string Conversion), Conversion> conversions = [];
    private readonly List<LedgerProblem> problems = [];

    // Confirmed, and by command on their way once more: they count as sent all the same.
    private readonly HashSet<(string Tenant, string Conversion, string Dispatch)> again = [];

    private readonly HashSet<StreamId> unreadable = [];

    public static IReadOnlyList<Type> EventTypes { get; } =
    [
        typeof(TenantAdded),
        typeof(ConversionReceived),
        typeof(ConversionStateChanged),
        typeof(ConversionMatched),
        typeof(ConversionUnmatched),
        typeof(DispatchRequested),
        typeof(DispatchSkipped),
        typeof(DispatchSucceeded),
        typeof(DispatchDeadLettered),
        typeof(DispatchRedriven),
    ];

    public long Events { get; private set; }

    /// <summary>How many of them cannot be read.</summary>
    public long Unreadable { get; private set; }

    /// <summary>What the log itself shows to be wrong.</summary>
    public IReadOnlyList<LedgerProblem> Problems => problems;

    /// <summary>Dispatches that were requested and have not ended, with the conversion they are of.</summary>
    public IEnumerable<(string Tenant, string Conversion, string Dispatch)> Open =>
        conversions
            .SelectMany(pair =>
                pair.Value.Dispatches.Where(dispatch => dispatch.Value.State == State.Waiting)
                    .Select(dispatch => (pair.Key.Tenant, pair.Key.Conversion, dispatch.Key))
            )
            .Concat(again);

    /// <summary>Approved sales of which nothing is decided, although whoever decides has passed them: its name, and where.</summary>
    /// <param name="matching">How far Matching is; what it decided up to there is in the log.</param>
    /// <param name="dispatch">How far Dispatch is.</param>
    public IEnumerable<(StreamId Stream, string Conversion, string Decider, long Position)> Undecided(long matching, long dispatch)
    {
        foreach (var ((tenant, id), conversion) in conversions)
        {
            var stream = new StreamId(tenant, Streams.Conversion(id));
            if (
                conversion is not { Approved: { } approved, SkipReason: null, Dispatches.Count: 0 }
                // The decision may be what cannot be read.
                || unreadable.Contains(stream)
            )
                continue;
            if (conversion.Matched is not { } matched)
            {
                if (conversion.Received <= matching)
                    yield return (stream, id, Deciders.Matching, conversion.Received);
            }
            else if (Math.Max(approved, matched) is var last && last <= dispatch)
                yield return (stream, id, Deciders.Dispatch, last);
        }
    }

    /// <summary>Whether an event of the stream cannot be read, so that what is told of it here may be wrong.</summary>
    public bool IsUnreadable(StreamId stream) => unreadable.Contains(stream);

    public void Apply(RecordedEvent recorded)
    {
        Events++;
        var tenant = recorded.TenantId;
        if (recorded.WhyUnreadable is { } why)
        {
            Unreadable++;
            unreadable.Add(recorded.Stream);
            problems.Add(
                new LedgerProblem(
                    "unreadable",
                    tenant,
                    recorded.Stream.Id,
                    $"{why} It is version {recorded.Version} of the stream, and in no figure: mend it, then verify again."
                )
            );
            return;
        }

        switch (recorded.Data)
        {
            case TenantAdded added:
                zones[tenant] = ZoneOf(added.TimeZone);
                break;
            case ConversionReceived received:
                conversions[(tenant, received.ConversionId)] = new Conversion(
                    recorded.Sequence,
                    DayOf(tenant, received.ReceivedAt),
                    received.Gateway,
                    received.OrderId,
                    received.Kind == ConversionKind.Renewal
                )
                {
                    Approved = received.State == PaymentState.Approved ? recorded.Sequence : null,
                };
                break;
            case ConversionStateChanged { To: PaymentState.Approved } changed
                when conversions.TryGetValue((tenant, changed.ConversionId), out var conversion):
                conversion.Approved ??= recorded.Sequence;
                break;
            case ConversionMatched matched when conversions.TryGetValue((tenant, matched.ConversionId), out var conversion):
                conversion.Matched ??= recorded.Sequence;
                break;
            case ConversionUnmatched unmatched when conversions.TryGetValue((tenant, unmatched.ConversionId), out var conversion):
                conversion.Matched ??= recorded.Sequence;
                break;
            case DispatchRequested requested:
                Request(tenant, requested);
                break;
            case DispatchSkipped skipped when conversions.TryGetValue((tenant, skipped.ConversionId), out var conversion):
                conversion.SkipReason = skipped.Reason;
                break;
            case DispatchSucceeded sent:
                End(tenant, sent.ConversionId, sent.DispatchId, State.Sent, null);
                break;
            case DispatchDeadLettered dead:
                End(tenant, dead.ConversionId, dead.DispatchId, State.Dead, dead.Reason);
                break;
            case DispatchRedriven redriven:
                End(tenant, redriven.ConversionId, redriven.DispatchId, State.Waiting, null);
                break;
        }
    }

    public IReadOnlyList<LedgerDay> Days() =>
        [
            .. conversions
                .GroupBy(pair => (pair.Key.Tenant, pair.Value.Day), pair => Final(pair.Value))
                .OrderBy(day => day.Key.Tenant, StringComparer.Ordinal)
                .ThenBy(day => day.Key.Day)
                .Select(day => new LedgerDay(
                    day.Key.Tenant,
                    day.Key.Day,
                    day.LongCount(),
                    day.LongCount(state => state.Status == "sent"),
                    Reasons(day, "skipped"),
                    Reasons(day, "dead"),
                    day.LongCount(state => state.Status == "waiting")
                )),
        ];

    // Several pixels: what still moves comes first, then what failed. One event of another name than the sale's does not speak for it.
    private static (string Status, string Reason) Final(Conversion conversion)
    {
        var deciding = conversion.Dispatches.Values.Where(dispatch => dispatch.Counts).ToArray();
        if (deciding.Length == 0)
            return conversion.SkipReason is { } reason ? ("skipped", reason) : ("waiting", "");
        var (state, why, _) = deciding.MinBy(dispatch => dispatch.State);
        return state switch
        {
            State.Waiting => ("waiting", ""),
            State.Dead => ("dead", why ?? ""),
            _ => ("sent", ""),
        };
    }

    private static Dictionary<string, long> Reasons(IEnumerable<(string Status, string Reason)> states, string status) =>
        states
            .Where(state => state.Status == status)
            .CountBy(state => state.Reason, StringComparer.Ordinal)
            .ToDictionary(pair => pair.Key, pair => (long)pair.Value, StringComparer.Ordinal);

    private void Request(string tenant, DispatchRequested requested)
    {
        if (!conversions.TryGetValue((tenant, requested.ConversionId), out var conversion))
            return;
        if (requested.EventId != Ids.EventId(tenant, conversion.Gateway, conversion.Order, requested.EventName))
            problems.Add(
                new LedgerProblem(
                    "foreign_id",
                    tenant,
                    requested.DispatchId,
                    $"{requested.ConversionId} was requested under another event_id than its own."
                )
            );
        conversion.Dispatches[requested.DispatchId] = (
            State.Waiting,
            null,
            requested.EventName == DispatchDecision.Purchase || conversion.IsRenewal
        );
    }

    private void End(string tenant, string conversionId, string dispatchId, State state, string? reason)
    {
        if (
            !conversions.TryGetValue((tenant, conversionId), out var conversion)
            || !conversion.Dispatches.TryGetValue(dispatchId, out var before)
        )
            return;
        if (before.State == State.Sent)
        {
            if (state == State.Waiting)
                again.Add((tenant, conversionId, dispatchId));
            else if (!again.Remove((tenant, conversionId, dispatchId)) && state == State.Sent)
                problems.Add(new LedgerProblem("confirmed_twice", tenant, dispatchId, $"{conversionId} was recorded as confirmed twice."));
            return;
        }

        conversion.Dispatches[dispatchId] = (state, reason, before.Counts);
    }

    private DateOnly DayOf(string tenant, DateTimeOffset at) =>
        DateOnly.FromDateTime(
            TimeZoneInfo.ConvertTime(at, zones.GetValueOrDefault(tenant) ?? ZoneOf(ITenantAdministration.DefaultTimeZone)).DateTime
        );

    private static TimeZoneInfo ZoneOf(string name) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone)
            ? zone
            : TimeZoneInfo.FindSystemTimeZoneById(ITenantAdministration.DefaultTimeZone);
}
