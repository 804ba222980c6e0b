using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>A click found for a sale, and by which identifier.</summary>
internal sealed record Candidate(MatchRule Rule, string ClickId, DateTimeOffset ClickedAt)
{
    /// <summary>Something else that was known by both told so.</summary>
    public bool ByLink { get; init; }
}

/// <summary>What a sale brings to be matched by: the rules for which it has an identifier.</summary>
internal sealed record SaleToMatch(
    string ConversionId,
    string Gateway,
    DateTimeOffset OccurredAt,
    DateTimeOffset ReceivedAt,
    IReadOnlySet<MatchRule> Identifiers
)
{
    public string? FunnelId { get; init; }

    public string? UtmCampaign { get; init; }

    public bool IsTest { get; init; }

    /// <summary>Many people may have the buyer's address.</summary>
    public bool IsAddressShared { get; init; }

    /// <summary>What is stored of the buyer does not open.</summary>
    public bool IsUnreadable { get; init; }

    /// <summary>Rules that found more clicks than are told.</summary>
    public IReadOnlySet<MatchRule> FoundMore { get; init; } = new HashSet<MatchRule>();
}

/// <summary>
/// Joins a sale to the click it came from. Pure: the same sale, candidates and rules give the same answer at any time, so it can be replayed and tried
/// with other rules. The strongest rule with a click in its window decides; of several clicks the last one before the sale, or the first of all.
/// </summary>
internal static class Decision
{
    // A sale that carries our token was caused by that click, whatever two clocks say: they may differ by this much.
    public static readonly TimeSpan TokenSkew = TimeSpan.FromMinutes(5);

    /// <returns><see cref="ConversionMatched"/> or <see cref="ConversionUnmatched"/>.</returns>
    public static object Decide(
        SaleToMatch sale,
        IReadOnlyCollection<Candidate> candidates,
        MatchPolicy policy,
        int version,
        DateTimeOffset decidedAt
    )
    {
        var clicks = new Clicks(sale, candidates, policy);
        var last = policy.Rules.Select(rule => clicks.LastOf(rule.Rule)).FirstOrDefault(candidate => candidate is not null);
        var first = last is null ? null : clicks.First(last);
        var winner = policy.Touch == MatchTouch.First ? first : last;
        var windowFrom = sale.OccurredAt - clicks.WindowOf(winner?.Rule);
        var tried = policy.Rules.Select(rule => Tried(rule.Rule, clicks, windowFrom, winner)).ToArray();
        var judged = clicks.InOrder().Select(candidate => Judged(candidate, clicks, winner)).ToArray();
        var missing = Missing(sale, policy, winner);

        return winner is null
            ? new ConversionUnmatched(
                sale.ConversionId,
                sale.Gateway,
                WhyUnmatched(sale, clicks),
                version,
                windowFrom,
                tried,
                judged,
                decidedAt
            )
            {
                Missing = missing,
                FunnelId = sale.FunnelId,
                UtmCampaign = sale.UtmCampaign,
                ReceivedAt = sale.ReceivedAt,
                IsTest = sale.IsTest ? true : null,
            }
            : new ConversionMatched(
                sale.ConversionId,
                sale.Gateway,
                winner.ClickId,
                winner.Rule,
                policy.Rules.Single(rule => rule.Rule == winner.Rule).Score,
                version,
                winner.ClickedAt,
                windowFrom,
                tried,
                judged,
                decidedAt
            )
            {
                Touch = policy.Touch == MatchTouch.First ? "first" : "last",
                FirstTouch = TouchOf(first!),
                LastTouch = TouchOf(last!),
                IsProbabilistic = Keys.IsGuess(winner.Rule) ? true : null,
                Missing = missing,
                FunnelId = sale.FunnelId,
                UtmCampaign = sale.UtmCampaign,
                ReceivedAt = sale.ReceivedAt,
                IsTest = sale.IsTest ? true : null,
            };
    }

    /// <summary>Whether nothing that comes later can change the decision but another token: of one there is one click.</summary>
    public static bool IsFinal(object decision) => decision is ConversionMatched { Rule: MatchRule.ClickToken, Touch: "last" };

    /// <summary>Whether two decisions about a sale come to the same.</summary>
    public static bool IsSame(object one, object other) =>
        (one, other) switch
        {
            (ConversionMatched a, ConversionMatched b) => (a.ClickId, a.Rule, a.FirstTouch, a.VisitorConsent)
                == (b.ClickId, b.Rule, b.FirstTouch, b.VisitorConsent),
            (ConversionUnmatched a, ConversionUnmatched b) => a.VisitorConsent == b.VisitorConsent,
            _ => false,
        };

    /// <summary>
    /// The latest click that can have caused the sale. Gateways cut their times to the second or the minute: the sale happened before that unit was
    /// over, and before we heard of it.
    /// </summary>
    public static DateTimeOffset LatestClick(MatchRule rule, DateTimeOffset occurredAt, DateTimeOffset receivedAt)
    {
        if (rule == MatchRule.ClickToken)
            return occurredAt + TokenSkew;
        var end = occurredAt switch
        {
            { Second: 0, Millisecond: 0, Microsecond: 0 } minute => minute.AddMinutes(1),
            { Millisecond: 0, Microsecond: 0 } second => second.AddSeconds(1),
            var exact => exact,
        };
        return end < receivedAt ? end : receivedAt;
    }

    private static ClickTouch TouchOf(Candidate candidate) => new(candidate.ClickId, candidate.Rule, candidate.ClickedAt);

    private static RuleTried Tried(MatchRule rule, Clicks clicks, DateTimeOffset windowFrom, Candidate? winner)
    {
        var found = clicks.Of(rule);
        var outcome =
            winner?.Rule == rule ? "matched"
            : !clicks.Sale.Identifiers.Contains(rule) ? "no_identifier"
            : found.Count == 0 ? "not_found"
            : winner is not null && found.Any(clicks.IsInTime) && clicks.Refusal(rule) is null ? "not_needed"
            : found.Any(clicks.IsInTime) && clicks.Refusal(rule) is { } refusal ? refusal
            : found.Any(clicks.IsAfterSale) && !found.Any(clicks.IsBeforeWindow) ? "after_sale"
            : found.Any(clicks.IsBeforeWindow) && !found.Any(clicks.IsAfterSale) ? "outside_window"
            : "after_sale";
        var from = clicks.Sale.OccurredAt - clicks.WindowOf(rule);
        return new RuleTried(rule, outcome, found.Count)
        {
            HasMore = clicks.Sale.FoundMore.Contains(rule) ? true : null,
            WindowFrom = from == windowFrom || found.Count == 0 ? null : from,
        };
    }

    private static MatchCandidate Judged(Candidate candidate, Clicks clicks, Candidate? winner)
    {
        var reason =
            candidate == winner ? "won"
            : clicks.IsBeforeWindow(candidate) ? "outside_window"
            : clicks.IsAfterSale(candidate) ? "after_sale"
            : clicks.Refusal(candidate.Rule) is { } refusal && winner?.Rule != candidate.Rule ? refusal
            : candidate.ClickId == winner?.ClickId ? "same_click"
            : candidate.Rule != winner?.Rule ? "weaker_rule"
            : candidate.ClickedAt > winner.ClickedAt ? "later_touch"
            : "older_touch";
        return new MatchCandidate(candidate.ClickId, candidate.Rule, candidate.ClickedAt, reason)
        {
            ByLink = candidate.ByLink ? true : null,
        };
    }

    private static string WhyUnmatched(SaleToMatch sale, Clicks clicks)
    {
        var known = clicks.All.Where(candidate => !Keys.IsGuess(candidate.Rule)).ToArray();
        return sale.IsUnreadable ? "unreadable"
            : sale.Identifiers.Count == 0 ? "no_identifier"
            : known.Length == 0 && clicks.All.Any(clicks.IsInTime) ? "only_guesses"
            : known.Length == 0 ? "no_click_found"
            : known.Any(clicks.IsAfterSale) ? "only_clicks_after_the_sale"
            : "only_clicks_outside_the_window";
    }

    // Another script's id is not something a seller would add.
    private static MatchRule[]? Missing(SaleToMatch sale, MatchPolicy policy, Candidate? winner) =>
        policy
            .Rules.TakeWhile(rule => rule.Rule != winner?.Rule)
            .Select(rule => rule.Rule)
            .Where(rule => !sale.Identifiers.Contains(rule) && rule != MatchRule.TrackingId && !Keys.IsGuess(rule))
            .ToArray()
            is { Length: > 0 } missing
            ? missing
            : null;

    /// <summary>The candidates of one sale, seen with the rules that count.</summary>
    private sealed class Clicks(SaleToMatch sale, IEnumerable<Candidate> candidates, MatchPolicy policy)
    {
        private readonly Dictionary<MatchRule, TimeSpan> windows = policy.Rules.ToDictionary(rule => rule.Rule, rule => rule.Window);

        private readonly ILookup<MatchRule, Candidate> byRule = candidates
            .Where(candidate => policy.Rules.Any(rule => rule.Rule == candidate.Rule))
            .OrderByDescending(candidate => candidate.ClickedAt)
            .ThenBy(candidate => candidate.ClickId, StringComparer.Ordinal)
            .ToLookup(candidate => candidate.Rule);

        public SaleToMatch Sale => sale;

        public IEnumerable<Candidate> All => byRule.SelectMany(rule => rule);

        public IReadOnlyList<Candidate> Of(MatchRule rule) => [.. byRule[rule]];

        public IEnumerable<Candidate> InOrder() => policy.Rules.SelectMany(rule => byRule[rule.Rule]);

        /// <summary>Of no rule: the widest there is.</summary>
        public TimeSpan WindowOf(MatchRule? rule) => rule is { } one ? windows[one] : windows.Values.Max();

        public bool IsBeforeWindow(Candidate candidate) => candidate.ClickedAt < sale.OccurredAt - windows[candidate.Rule];

        public bool IsAfterSale(Candidate candidate) => candidate.ClickedAt > LatestClick(candidate.Rule, sale.OccurredAt, sale.ReceivedAt);

        public bool IsInTime(Candidate candidate) => !IsBeforeWindow(candidate) && !IsAfterSale(candidate);

        public Candidate? LastOf(MatchRule rule) => Refusal(rule) is null ? Counting(rule).FirstOrDefault() : Corroborated(rule);

        /// <summary>A guess is no first touch of somebody who is known.</summary>
        public Candidate First(Candidate last) =>
            policy
                .Rules.Where(rule => Keys.IsGuess(last.Rule) ? rule.Rule == last.Rule : !Keys.IsGuess(rule.Rule))
                .SelectMany(rule => Counting(rule.Rule))
                .Where(candidate => !Keys.IsGuess(last.Rule) || Refusal(last.Rule) is null || candidate == last)
                .Select((candidate, order) => (candidate, order))
                .OrderBy(one => one.candidate.ClickedAt)
                .ThenBy(one => one.candidate.ClickId, StringComparer.Ordinal)
                .ThenBy(one => one.order)
                .First()
                .candidate;

        /// <summary>Why a guess may not decide by itself; null where it may.</summary>
        public string? Refusal(MatchRule rule) =>
            rule switch
            {
                MatchRule.IpUserAgent when sale.IsAddressShared => "not_alone",
                MatchRule.AdId when Counting(rule).Select(candidate => candidate.ClickId).Distinct(StringComparer.Ordinal).Count() > 1 =>
                    "ambiguous",
                _ => null,
            };

        private IEnumerable<Candidate> Counting(MatchRule rule) => byRule[rule].Where(IsInTime);

        // Two guesses that name the same click: the same address and browser on the same ad.
        private Candidate? Corroborated(MatchRule rule) =>
            rule == MatchRule.IpUserAgent
                ? Counting(rule).FirstOrDefault(candidate => Counting(MatchRule.AdId).Any(other => other.ClickId == candidate.ClickId))
                : null;
    }
}
