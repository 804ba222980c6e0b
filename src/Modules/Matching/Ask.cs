using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>A sale to be decided as of a position of the log.</summary>
/// <param name="Before">By what was known before this position.</param>
/// <param name="Rules">The rules in force when the sale came.</param>
/// <param name="Others">Rules it is decided by, too, for comparison.</param>
internal sealed record Ask(int Index, SaleSeen Sale, long Before, string? FunnelId, RulesFrom Rules, MatchRuleSet? Others)
{
    private MatchPolicy Policy { get; } = Rules.Rules.For(Sale.Stream.TenantId, FunnelId);

    private MatchPolicy? OtherPolicy { get; } = Others?.For(Sale.Stream.TenantId, FunnelId);

    /// <summary>Before this no rule looks for a click.</summary>
    public DateTimeOffset WindowFrom =>
        Sale.Received.OccurredAt - Policy.Rules.Concat(OtherPolicy?.Rules ?? []).Max(setting => setting.Window);

    /// <summary>What is asked of the look-ups: every identifier that a rule takes.</summary>
    public IEnumerable<KeyAsked> Questions()
    {
        var received = Sale.Received;
        foreach (var (key, position) in Sale.Keys.Where(key => IsKnown(key, Before)))
        {
            if (Widest(key.Rule) is { } window)
                yield return new KeyAsked(
                    Index,
                    key,
                    position == Sale.Position ? 0 : position,
                    Before,
                    received.OccurredAt - window,
                    Decision.LatestClick(key.Rule, received.OccurredAt, received.ReceivedAt),
                    received.ConversionId
                );
        }
    }

    /// <summary>Hashes under which somebody may have said whether they want to be reported.</summary>
    public IEnumerable<byte[]> ConsentHashes(IPersonalData people, FoundClicks found) =>
        Consents.HashesOf(
            people,
            Sale.Stream.TenantId,
            Sale.Keys.Where(key => IsKnown(key, Before)).Select(key => key.Key),
            found
                .Of(Index, Before)
                .Where(candidate => !Keys.IsGuess(candidate.Rule))
                .Select(candidate => candidate.ClickId)
                .Concat(Sale.Received.ClickIds())
        );

    /// <param name="before">By what was known before this position, which is not after <see cref="Before"/>.</param>
    public object Decide(FoundClicks found, long before, SharedAddresses shared, DateTimeOffset now) =>
        Decision.Decide(ToMatch(found, before, shared), found.Of(Index, before), Policy, Rules.Version, now);

    /// <summary>By the rules for comparison.</summary>
    public object DecideOtherwise(FoundClicks found, SharedAddresses shared, DateTimeOffset now) =>
        Decision.Decide(ToMatch(found, Before, shared), found.Of(Index, Before), OtherPolicy!, Rules.Version, now);

    /// <summary>The decision with what the visitor said.</summary>
    public object Heard(object decision, IEnumerable<Word> words, long before)
    {
        var consent = Consents.Latest(words, Sale, before);
        return decision switch
        {
            ConversionMatched decided => decided with { VisitorConsent = consent },
            ConversionUnmatched decided => decided with { VisitorConsent = consent },
            var other => other,
        };
    }

    private SaleToMatch ToMatch(FoundClicks found, long before, SharedAddresses shared) =>
        new(
            Sale.Received.ConversionId,
            Sale.Received.Gateway,
            Sale.Received.OccurredAt,
            Sale.Received.ReceivedAt,
            Sale.Keys.Where(key => IsKnown(key, before)).Select(key => key.Key.Rule).ToHashSet()
        )
        {
            FunnelId = FunnelId,
            UtmCampaign = Sale.Slots.UtmCampaign,
            IsTest = Sale.Received.Kind == ConversionKind.Test,
            IsAddressShared = Sale.Buyers.Any(buyer => buyer.IpAddress is not null && shared.May(buyer)),
            IsUnreadable = Sale.IsUnreadable,
            FoundMore = found.MoreOf(Index),
        };

    private bool IsKnown(SaleKey key, long before) => key.Position < before || key.Position == Sale.Position;

    private TimeSpan? Widest(MatchRule rule) =>
        Policy
            .Rules.Concat(OtherPolicy?.Rules ?? [])
            .Where(setting => setting.Rule == rule)
            .Select(setting => (TimeSpan?)setting.Window)
            .Max();
}
