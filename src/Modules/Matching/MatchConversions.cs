using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>
/// Learns clicks and decides sales, in the order of the log: a sale sees exactly what was in the log before it, however the log is cut into pages. What it learns, what it decides
/// and how far it got commit together.
/// </summary>
internal sealed class MatchConversions(IPersonalData people, MatchingOptions options, TimeProvider time) : ISubscription
{
    public const string ShardName = "Matching";

    public string Name => ShardName;

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [typeof(ClickCaptured), typeof(PageviewCaptured), typeof(CheckoutInitiated), typeof(ConversionReceived)];

    public async Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken)
    {
        // Of a pageview nothing is learned but what it says of consent.
        var telling = events.Where(recorded => recorded.Data is not PageviewCaptured { Consent: null }).ToArray();
        var opened = await people.OpenAsync([.. telling.Select(ProtectedPartOf)], cancellationToken);
        var seen = telling.Zip(opened, (recorded, person) => new Seen(recorded, person)).ToArray();

        await LearnClicksAsync(seen, session, cancellationToken);
        await LearnCheckoutsAsync(seen, session, cancellationToken);
        await LearnConsentAsync(seen, session, cancellationToken);
        await DecideAsync(seen, session, cancellationToken);
    }

    private Task LearnConsentAsync(IReadOnlyList<Seen> seen, EventSession session, CancellationToken cancellationToken) =>
        Consents.AddAsync(
            session.Connection,
            [
                .. seen.SelectMany(one =>
                    Consents.StatedBy(one.Recorded.Data) is { } stated
                        ? Consents
                            .KeysOf(people, one.Recorded.TenantId, stated.ClickId, one.Person, one.Recorded.Sequence)
                            .Select(key => (key, stated.Consent))
                        : []
                ),
            ],
            cancellationToken
        );

    private async Task LearnClicksAsync(IReadOnlyList<Seen> seen, EventSession session, CancellationToken cancellationToken)
    {
        var clicks = seen.Where(one => one.Recorded.Data is ClickCaptured)
            .Select(one => (one.Recorded.TenantId, Click: (ClickCaptured)one.Recorded.Data, one.Person, one.Recorded.Sequence))
            .ToArray();
        await LookUps.AddClicksAsync(
            session.Connection,
            [.. clicks.Select(one => (one.TenantId, one.Click.ClickId, one.Click.OccurredAt, one.Sequence))],
            cancellationToken
        );
        await LookUps.AddKeysAsync(
            session.Connection,
            [.. clicks.SelectMany(one => Keys.Of(people, one.TenantId, one.Person, one.Sequence).Select(key => (key, one.Click.ClickId)))],
            cancellationToken
        );
    }

    // A checkout that knows its click, by token or by one of Meta's cookies, teaches that the click is this e-mail's and this phone's.
    private async Task LearnCheckoutsAsync(IReadOnlyList<Seen> seen, EventSession session, CancellationToken cancellationToken)
    {
        var checkouts = seen.Where(one => one is { Recorded.Data: CheckoutInitiated, Person: not null }).ToArray();
        var asked = checkouts
            .SelectMany(
                (one, index) =>
                    Keys.Of(people, one.Recorded.TenantId, one.Person, one.Recorded.Sequence)
                        .Where(key => IsOfBrowser(key.Rule))
                        .Select(key => (Index: index, Key: key))
            )
            .ToArray();
        var found = await LookUps.FindAsync(session.Connection, [.. asked.Select(one => one.Key)], cancellationToken);
        var clicksOf = asked
            .SelectMany((one, position) => found[position].Select(candidate => (one.Index, candidate.ClickId)))
            .ToLookup(pair => pair.Index, pair => pair.ClickId);

        var learned = checkouts.SelectMany(
            (one, index) =>
                clicksOf[index]
                    .Append(((CheckoutInitiated)one.Recorded.Data).ClickId)
                    .OfType<string>()
                    .Distinct(StringComparer.Ordinal)
                    .SelectMany(click =>
                        Keys.Of(people, one.Recorded.TenantId, one.Person, one.Recorded.Sequence)
                            .Where(key => !IsOfBrowser(key.Rule))
                            .Select(key => (key, click))
                    )
        );
        await LookUps.AddKeysAsync(session.Connection, [.. learned], cancellationToken);
    }

    private async Task DecideAsync(IReadOnlyList<Seen> seen, EventSession session, CancellationToken cancellationToken)
    {
        var sales = seen.Where(one => one.Recorded.Data is ConversionReceived)
            .Select(one => new Sale(
                one.Recorded,
                (ConversionReceived)one.Recorded.Data,
                [.. Keys.Of(people, one.Recorded.TenantId, one.Person, one.Recorded.Sequence)]
            ))
            .ToArray();
        if (sales.Length == 0)
            return;

        var asked = sales.SelectMany((sale, index) => sale.Keys.Select(key => (Index: index, Key: key))).ToArray();
        var byKey = await LookUps.FindAsync(session.Connection, [.. asked.Select(one => one.Key)], cancellationToken);
        var tokens = sales
            .Select((sale, index) => (Index: index, sale.Recorded.TenantId, sale.Received.ClickId, sale.Recorded.Sequence))
            .Where(one => one.ClickId is not null)
            .ToArray();
        var byToken = await LookUps.FindTokensAsync(
            session.Connection,
            [.. tokens.Select(one => (one.TenantId, one.ClickId!, one.Sequence))],
            cancellationToken
        );
        var candidates = asked
            .SelectMany((one, position) => byKey[position].Select(candidate => (one.Index, candidate)))
            .Concat(tokens.SelectMany((one, position) => byToken[position].Select(candidate => (one.Index, candidate))))
            .ToLookup(pair => pair.Index, pair => pair.candidate);

        var consents = await Consents.FindAsync(
            session.Connection,
            [
                .. sales.SelectMany(
                    (sale, index) =>
                        sale
                            .Keys.Select(key => key.Hash)
                            .Concat(
                                candidates[index]
                                    .Select(candidate => candidate.ClickId)
                                    .Append(sale.Received.ClickId)
                                    .OfType<string>()
                                    .Distinct(StringComparer.Ordinal)
                                    .Select(click => Consents.ClickKey(people, sale.Recorded.TenantId, click))
                            )
                            .Select(hash => (index, new ConsentKey(sale.Recorded.TenantId, hash, sale.Recorded.Sequence)))
                ),
            ],
            cancellationToken
        );

        var learned = new List<(Key Key, string ClickId)>();
        // The tables do not know yet what an earlier sale of this page taught.
        var taught = new Dictionary<(string, MatchRule, string), List<Candidate>>();
        for (var index = 0; index < sales.Length; index++)
        {
            var sale = sales[index];
            var found = candidates[index].Concat(sale.Keys.SelectMany(key => taught.GetValueOrDefault(Identity(key)) ?? [])).Distinct();
            var decision = Decision.Decide(sale.ToMatch(), [.. found], TimeSpan.FromDays(options.WindowDays), time.GetUtcNow());
            if (consents.TryGetValue(index, out var consent))
                decision = decision switch
                {
                    ConversionMatched decided => decided with { VisitorConsent = consent },
                    ConversionUnmatched decided => decided with { VisitorConsent = consent },
                    _ => decision,
                };
            session.Append(new Append(sale.Recorded.Stream, [decision]) { CausationId = $"{sale.Recorded.Id}" });
            // The next sale to the same person may come without any click id.
            if (decision is not ConversionMatched matched)
                continue;
            foreach (var key in sale.Keys.Where(key => !IsOfBrowser(key.Rule)))
            {
                learned.Add((key, matched.ClickId));
                if (!taught.TryGetValue(Identity(key), out var clicks))
                    taught.Add(Identity(key), clicks = []);
                clicks.Add(new Candidate(key.Rule, matched.ClickId, matched.ClickedAt));
            }
        }

        await LookUps.AddKeysAsync(session.Connection, learned, cancellationToken);
    }

    private static (string, MatchRule, string) Identity(Key key) => (key.TenantId, key.Rule, Convert.ToBase64String(key.Hash));

    private static bool IsOfBrowser(MatchRule rule) => rule is MatchRule.Fbclid or MatchRule.Fbc or MatchRule.Fbp;

    private static ProtectedPart ProtectedPartOf(RecordedEvent recorded) =>
        new(
            recorded.TenantId,
            recorded.Stream.Id,
            recorded.Data switch
            {
                ClickCaptured click => click.Protected,
                PageviewCaptured pageview => pageview.Protected,
                CheckoutInitiated checkout => checkout.Protected,
                ConversionReceived received => received.Protected,
                var other => throw new InvalidOperationException($"Matching asked for no {other.GetType().Name}."),
            }
        );

    private sealed record Seen(RecordedEvent Recorded, ProtectedPerson? Person);

    private sealed record Sale(RecordedEvent Recorded, ConversionReceived Received, IReadOnlyList<Key> Keys)
    {
        public SaleToMatch ToMatch() =>
            new(
                Received.ConversionId,
                Received.Gateway,
                Received.OccurredAt,
                Received.ReceivedAt,
                Keys.Select(key => key.Rule).Concat(Received.ClickId is null ? [] : [MatchRule.ClickToken]).ToHashSet()
            );
    }
}
