using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>A click found for a sale, and by which identifier.</summary>
internal sealed record Candidate(MatchRule Rule, string ClickId, DateTimeOffset ClickedAt);

/// <summary>What a sale brings to be matched by: the rules for which it has an identifier.</summary>
internal sealed record SaleToMatch(
    string ConversionId,
    string Gateway,
    DateTimeOffset OccurredAt,
    DateTimeOffset ReceivedAt,
    IReadOnlySet<MatchRule> Identifiers
);

/// <summary>
/// Joins a sale to the click it came from. Pure: the same sale, candidates and window give the same answer at any time, so it can be replayed.
/// Rules are tried in the order of their strength; within a rule the last click before the sale wins.
/// </summary>
internal static class Decision
{
    public const int RuleVersion = 1;

    // A sale that carries our token was caused by that click, whatever two clocks say: they may differ by this much.
    private static readonly TimeSpan TokenSkew = TimeSpan.FromMinutes(5);

    private static readonly IReadOnlyList<(MatchRule Rule, double Score)> Rules =
    [
        (MatchRule.ClickToken, 1.0),
        (MatchRule.Fbclid, 0.98),
        (MatchRule.Fbc, 0.95),
        (MatchRule.Fbp, 0.85),
        (MatchRule.EmailHash, 0.80),
        (MatchRule.PhoneHash, 0.75),
    ];

    /// <returns><see cref="ConversionMatched"/> or <see cref="ConversionUnmatched"/>.</returns>
    public static object Decide(SaleToMatch sale, IReadOnlyCollection<Candidate> candidates, TimeSpan window, DateTimeOffset decidedAt)
    {
        var windowFrom = sale.OccurredAt - window;
        var winner = Rules
            .Select(rule => Latest(rule.Rule, sale, candidates, windowFrom))
            .FirstOrDefault(candidate => candidate is not null);
        var tried = Rules.Select(rule => Tried(rule.Rule, sale, candidates, windowFrom, winner)).ToArray();
        var judged = candidates
            .OrderBy(candidate => candidate.Rule)
            .ThenByDescending(candidate => candidate.ClickedAt)
            .ThenBy(candidate => candidate.ClickId, StringComparer.Ordinal)
            .Select(candidate => new MatchCandidate(
                candidate.ClickId,
                candidate.Rule,
                candidate.ClickedAt,
                ReasonFor(candidate, sale, windowFrom, winner)
            ))
            .ToArray();

        return winner is null
            ? new ConversionUnmatched(
                sale.ConversionId,
                sale.Gateway,
                WhyUnmatched(sale, candidates),
                RuleVersion,
                windowFrom,
                tried,
                judged,
                decidedAt
            )
            : new ConversionMatched(
                sale.ConversionId,
                sale.Gateway,
                winner.ClickId,
                winner.Rule,
                Rules.Single(rule => rule.Rule == winner.Rule).Score,
                RuleVersion,
                winner.ClickedAt,
                windowFrom,
                tried,
                judged,
                decidedAt
            );
    }

    private static Candidate? Latest(MatchRule rule, SaleToMatch sale, IEnumerable<Candidate> candidates, DateTimeOffset windowFrom) =>
        candidates
            .Where(candidate =>
                candidate.Rule == rule && candidate.ClickedAt >= windowFrom && candidate.ClickedAt <= LatestClick(rule, sale)
            )
            .OrderByDescending(candidate => candidate.ClickedAt)
            .ThenBy(candidate => candidate.ClickId, StringComparer.Ordinal)
            .FirstOrDefault();

    // Gateways cut their times to the second or the minute: the sale happened before that unit was over, and before we heard of it.
    private static DateTimeOffset LatestClick(MatchRule rule, SaleToMatch sale)
    {
        if (rule == MatchRule.ClickToken)
            return sale.OccurredAt + TokenSkew;
        var end = sale.OccurredAt switch
        {
            { Second: 0, Millisecond: 0, Microsecond: 0 } minute => minute.AddMinutes(1),
            { Millisecond: 0, Microsecond: 0 } second => second.AddSeconds(1),
            var exact => exact,
        };
        return end < sale.ReceivedAt ? end : sale.ReceivedAt;
    }

    private static RuleTried Tried(
        MatchRule rule,
        SaleToMatch sale,
        IEnumerable<Candidate> candidates,
        DateTimeOffset windowFrom,
        Candidate? winner
    )
    {
        var found = candidates.Where(candidate => candidate.Rule == rule).ToArray();
        var outcome =
            winner?.Rule == rule ? "matched"
            : !sale.Identifiers.Contains(rule) ? "no_identifier"
            : found.Length == 0 ? "not_found"
            : winner is not null && winner.Rule < rule ? "not_needed"
            : found.Any(candidate => candidate.ClickedAt > LatestClick(rule, sale)) ? "after_sale"
            : "outside_window";
        return new RuleTried(rule, outcome, found.Length);
    }

    private static string ReasonFor(Candidate candidate, SaleToMatch sale, DateTimeOffset windowFrom, Candidate? winner) =>
        candidate == winner ? "won"
        : candidate.ClickedAt < windowFrom ? "outside_window"
        : candidate.ClickedAt > LatestClick(candidate.Rule, sale) ? "after_sale"
        : candidate.Rule == winner?.Rule ? "older_touch"
        : "weaker_rule";

    private static string WhyUnmatched(SaleToMatch sale, IReadOnlyCollection<Candidate> candidates) =>
        sale.Identifiers.Count == 0 ? "no_identifier"
        : candidates.Count == 0 ? "no_click_found"
        : candidates.Any(candidate => candidate.ClickedAt > LatestClick(candidate.Rule, sale)) ? "only_clicks_after_the_sale"
        : "only_clicks_outside_the_window";
}
