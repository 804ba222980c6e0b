using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>
/// Learns clicks and what leads to them, decides sales, and decides them again when something that came late comes to another answer. Everything is
/// done as of each event's position, so however the log is cut into pages the decisions are the same. What it learns, what it decides and how far it
/// got commit together.
/// </summary>
internal sealed class MatchConversions(
    IPersonalData people,
    OpenPeople open,
    ITenantDirectory tenants,
    RuleBook book,
    SharedAddresses shared,
    MatchingOptions options,
    TimeProvider time
) : ISubscription
{
    public const string ShardName = Deciders.Matching;

    public string Name => ShardName;

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [
        typeof(ClickCaptured),
        typeof(PageviewCaptured),
        typeof(CheckoutInitiated),
        typeof(ConversionReceived),
        typeof(ConversionStateChanged),
        typeof(ConversionEnriched),
        typeof(MatchRulesActivated),
    ];

    public Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken) =>
        HandleAsync(events, NothingDecided, session, cancellationToken);

    /// <summary>
    /// A sale that was stepped over is decided as it would have been, and again by each thing that came since and would have opened it. What was decided since by
    /// something that came later stays, of the sale as of others; so do sales that came after a skipped click or visit.
    /// </summary>
    public async Task HandleSkippedAsync(RecordedEvent skipped, EventSession session, CancellationToken cancellationToken)
    {
        var stream = (await session.ReadStreamsAsync([skipped.Stream], cancellationToken))[skipped.Stream];
        var decision = stream.LastOrDefault(recorded => IsDecisionAfter(skipped, recorded))?.Data;
        await HandleAsync(
            [skipped],
            new DecidedSince(skipped, skipped.Data is ConversionReceived ? decision : null),
            session,
            cancellationToken
        );
        if (decision is null && Evidence.IsOfSale(skipped))
            await CatchUpAsync(skipped, session, cancellationToken);
    }

    /// <param name="Skipped">Handled now, after later ones.</param>
    /// <param name="Decision">The sale's, where the event reports one that has its decision already: it teaches, and is not decided.</param>
    private sealed record DecidedSince(RecordedEvent? Skipped, object? Decision);

    private static readonly DecidedSince NothingDecided = new(null, null);

    private static bool IsDecisionAfter(RecordedEvent skipped, RecordedEvent recorded) =>
        recorded.Sequence > skipped.Sequence && recorded.Data is ConversionMatched or ConversionUnmatched;

    private async Task HandleAsync(
        IReadOnlyList<RecordedEvent> events,
        DecidedSince since,
        EventSession session,
        CancellationToken cancellationToken
    )
    {
        await LearnRulesAsync(events, session, cancellationToken);
        var telling = events.Where(Evidence.IsTelling).ToArray();
        if (telling.Length == 0)
            return;
        var sales = new Sales(people, open, session.ReadStreamsAsync);
        await sales.OpenAsync(telling, cancellationToken);
        var page = telling.Select(recorded => Evidence.Of(people, recorded, sales)).ToArray();

        var rules = page.Any(one => one.Sale is not null) ? await book.ReadAsync(session.Connection, cancellationToken) : null;
        var late = await DecideAsync(page, since.Decision, rules, session, cancellationToken);
        if (since.Skipped is not null)
            late = await LeaveDecidedAsync(late, since.Skipped, session, cancellationToken);
        await ReopenAsync(late, sales, rules, session, cancellationToken);
    }

    // A decision as of then must not follow one that knows more.
    private static async Task<IReadOnlyList<(Evidence Evidence, StreamId Sale)>> LeaveDecidedAsync(
        IReadOnlyList<(Evidence Evidence, StreamId Sale)> late,
        RecordedEvent skipped,
        EventSession session,
        CancellationToken cancellationToken
    )
    {
        var streams = await session.ReadStreamsAsync([.. late.Select(one => one.Sale).Distinct()], cancellationToken);
        return [.. late.Where(one => !streams[one.Sale].Any(recorded => IsDecisionAfter(skipped, recorded)))];
    }

    // Nobody looked at the sale when a click or a visit came that it may have been waiting for.
    private async Task CatchUpAsync(RecordedEvent skipped, EventSession session, CancellationToken cancellationToken)
    {
        var sales = new Sales(people, open, session.ReadStreamsAsync);
        await sales.ReadAsync([skipped.Stream], cancellationToken);
        var rules = await book.ReadAsync(session.Connection, cancellationToken);
        if (sales.AsOf(skipped.Stream, long.MaxValue) is not { } sale)
            return;
        var ask = AskOf(0, sale, long.MaxValue, rules);
        var found = new FoundClicks();
        await new RoundTrip(session.Connection).FindAsync([.. ask.Questions()], found, session.Connection, cancellationToken);
        var since = await session.ReadEventsAsync(found.PositionsAfter(ask.Index, skipped.Sequence), cancellationToken);
        await sales.OpenAsync(since, cancellationToken);
        await ReopenAsync(
            [.. since.Select(recorded => (Evidence.Of(people, recorded, sales), skipped.Stream))],
            sales,
            rules,
            session,
            cancellationToken
        );
    }

    private static async Task LearnRulesAsync(
        IReadOnlyList<RecordedEvent> events,
        EventSession session,
        CancellationToken cancellationToken
    )
    {
        var trip = new RoundTrip(session.Connection);
        foreach (var recorded in events.Where(recorded => recorded.Data is MatchRulesActivated))
            RuleBook.Learn(trip, (MatchRulesActivated)recorded.Data, recorded.Sequence);
        await trip.ExecuteAsync(cancellationToken);
    }

    /// <summary>Learns what the page tells and decides its new sales.</summary>
    /// <param name="decided">What was decided of the page's one sale already; null where its sales are to be decided.</param>
    /// <returns>Which earlier sales the page may concern.</returns>
    private async Task<IReadOnlyList<(Evidence Evidence, StreamId Sale)>> DecideAsync(
        Evidence[] page,
        object? decided,
        RulesAsOf? rules,
        EventSession session,
        CancellationToken cancellationToken
    )
    {
        var sold = decided is null ? page.Where(one => one.IsNewSale).ToArray() : [];
        var asks = sold.Select((one, index) => AskOf(index, one.Sale!, one.Position, rules!)).ToArray();
        var found = new FoundClicks();
        var learning = new RoundTrip(session.Connection);
        learning.Learn([.. page.SelectMany(one => one.Keys)]);
        learning.Learn([.. page.SelectMany(one => one.Links)]);
        learning.Learn([.. page.SelectMany(one => one.Stated(people))]);
        var asking = new HashSet<string>(StringComparer.Ordinal);
        learning.FindTenants(asks.Select(ask => ask.Sale.Stream.TenantId), asking);
        await learning.FindAsync([.. asks.SelectMany(ask => ask.Questions())], found, session.Connection, cancellationToken);

        var now = time.GetUtcNow();
        var decisions = asks.Select(ask => ask.Decide(found, ask.Before, shared, now)).ToArray();
        var words = new List<(int Ask, Word Word)>();
        var late = page.Where(one => one.MovesItsSale).Select(one => (one, one.Sale!.Stream)).ToList();
        var finding = new RoundTrip(session.Connection);
        // Also what a later delivery brought: the next event of this page may be about it.
        finding.Learn([
            .. asks.SelectMany(ask => ask.Sale.Open(ask.Sale.Position, decisions[ask.Index])),
            .. page.Where(one => one.MovesItsSale).SelectMany(one => one.Sale!.Open(one.Position, decision: null)),
            .. page.Where(one => one.IsNewSale && decided is not null).SelectMany(one => one.Sale!.Open(one.Position, decided)),
        ]);
        finding.Find(
            ConsentsAsked(asks.Where(ask => asking.Contains(ask.Sale.Stream.TenantId)), found),
            (ask, word) => words.Add((ask, word))
        );
        finding.Find(
            [.. page.SelectMany((one, index) => one.MayConcern(index, options))],
            (evidence, conversion) =>
                late.Add((page[evidence], new StreamId(page[evidence].Recorded.TenantId, Streams.Conversion(conversion))))
        );
        await finding.ExecuteAsync(cancellationToken);

        var said = words.ToLookup(one => one.Ask, one => one.Word);
        foreach (var ask in asks)
            Append(session, ask.Sale, ask.Heard(decisions[ask.Index], said[ask.Index], ask.Before), sold[ask.Index].Recorded);
        if (rules?.Shadow is not null)
            await Shadow.NoteAsync(asks, found, shared, now, isNew: true, session.Connection, cancellationToken);
        return late;
    }

    /// <summary>Decides sales again for each thing that came late, in the order of the log.</summary>
    private async Task ReopenAsync(
        IReadOnlyList<(Evidence Evidence, StreamId Sale)> late,
        Sales sales,
        RulesAsOf? rules,
        EventSession session,
        CancellationToken cancellationToken
    )
    {
        if (late.Count == 0)
            return;
        rules ??= await book.ReadAsync(session.Connection, cancellationToken);
        await sales.ReadAsync([.. late.Select(one => one.Sale).Distinct()], cancellationToken);
        var again = late.Distinct()
            .Select(one => (one.Evidence, Sale: sales.AsOf(one.Sale, one.Evidence.Position)))
            .Where(one => one.Sale is not null && one.Evidence.Recorded.Timestamp - one.Sale.Received.ReceivedAt <= Reopening)
            .OrderBy(one => one.Evidence.Position)
            .ThenBy(one => one.Sale!.Position)
            .Select((one, index) => (one.Evidence, Ask: AskOf(index, one.Sale!, one.Evidence.Position + 1, rules)))
            .ToArray();

        var found = new FoundClicks();
        await new RoundTrip(session.Connection).FindAsync(
            [.. again.SelectMany(one => one.Ask.Questions())],
            found,
            session.Connection,
            cancellationToken
        );
        var words = new List<(int Ask, Word Word)>();
        var hearing = new RoundTrip(session.Connection);
        hearing.Find(ConsentsAsked([.. again.Select(one => one.Ask)], found), (ask, word) => words.Add((ask, word)));
        await hearing.ExecuteAsync(cancellationToken);

        var now = time.GetUtcNow();
        var said = words.ToLookup(one => one.Ask, one => one.Word);
        var changed = new List<(Evidence Evidence, Ask Ask)>();
        foreach (var (evidence, ask) in again)
        {
            // What it was is worked out, not looked up: so a replay comes to the same.
            var was = ask.Heard(ask.Decide(found, evidence.Position, shared, now), said[ask.Index], evidence.Position);
            if (Decision.IsFinal(was) && !evidence.IsOfAToken(ask.Sale))
                continue;
            var decided = ask.Heard(ask.Decide(found, ask.Before, shared, now), said[ask.Index], ask.Before);
            if (Decision.IsSame(was, decided))
                continue;
            changed.Add((evidence, ask));
            Append(session, ask.Sale, Reopened(decided, evidence, was), evidence.Recorded);
        }

        if (rules.Shadow is not null)
            await Shadow.NoteAsync(
                [.. changed.Select(one => one.Ask)],
                found,
                shared,
                now,
                isNew: false,
                session.Connection,
                cancellationToken
            );
    }

    private TimeSpan Reopening => TimeSpan.FromDays(options.ReopenDays);

    private Ask AskOf(int index, SaleSeen sale, long before, RulesAsOf rules) =>
        new(
            index,
            sale,
            before,
            tenants.FindFunnel(sale.Stream.TenantId, sale.Received.Gateway, sale.Received.ProductId),
            rules.At(sale.Position),
            rules.Shadow
        );

    private IReadOnlyCollection<(int, string, byte[], long)> ConsentsAsked(IEnumerable<Ask> asks, FoundClicks found) =>
        [
            .. asks.SelectMany(ask =>
                ask.ConsentHashes(people, found).Select(hash => (ask.Index, ask.Sale.Stream.TenantId, hash, ask.Before))
            ),
        ];

    private static object Reopened(object decided, Evidence evidence, object was)
    {
        var reopened = new MatchReopened(
            evidence.Cause,
            evidence.Recorded.Stream.Id,
            (was as ConversionMatched)?.Rule,
            (was as ConversionMatched)?.ClickId,
            (was as ConversionUnmatched)?.Reason
        );
        return decided switch
        {
            ConversionMatched matched => matched with { Reopened = reopened },
            ConversionUnmatched unmatched => unmatched with { Reopened = reopened },
            var other => other,
        };
    }

    private static void Append(EventSession session, SaleSeen sale, object decision, RecordedEvent cause) =>
        session.Append(new Append(sale.Stream, [decision]) { CausationId = $"{cause.Id}", UnlessArchived = true });
}
