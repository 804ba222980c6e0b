namespace TrackAi.Contracts;

/// <summary>Which of several clicks a sale belongs to.</summary>
public enum MatchTouch
{
    Last,
    First,
}

/// <summary>One rule that counts.</summary>
/// <param name="Score">How sure a match by it is, above 0 and at most 1.</param>
/// <param name="Window">How long before the sale a click may lie.</param>
public sealed record MatchRuleSetting(MatchRule Rule, double Score, TimeSpan Window);

/// <summary>The rules that count, the strongest first. What is not named does not count.</summary>
public sealed record MatchPolicy(MatchTouch Touch, IReadOnlyList<MatchRuleSetting> Rules);

/// <summary>A tenant's own policy, or that of one of its funnels.</summary>
public sealed record MatchOverride(string Tenant, string? Funnel, MatchPolicy Policy);

/// <summary>A set of rules: for everybody, and what differs for some.</summary>
public sealed record MatchRuleSet(string Name, MatchPolicy Policy, IReadOnlyList<MatchOverride> Overrides)
{
    /// <summary>The policy of a sale: its funnel's, else its tenant's, else everybody's.</summary>
    public MatchPolicy For(string tenant, string? funnel) =>
        Overrides.FirstOrDefault(one => one.Tenant == tenant && one.Funnel is not null && one.Funnel == funnel)?.Policy
        ?? Overrides.FirstOrDefault(one => one.Tenant == tenant && one.Funnel is null)?.Policy
        ?? Policy;
}

/// <summary>From here on sales are decided by these rules. Stream <see cref="Streams.MatchRules"/> of no tenant.</summary>
/// <param name="Version">What decisions name as their rule version; 1 is what is built in.</param>
public sealed record MatchRulesActivated(int Version, MatchRuleSet Rules, string By, DateTimeOffset ActivatedAt);

/// <summary>The rules in force and those tried in their shadow.</summary>
/// <param name="Version">1 is what is built in.</param>
public sealed record MatchRulesInForce(int Version, MatchRuleSet Rules, DateTimeOffset? ActivatedAt, string? By);

/// <summary>A rule set that cannot be used; the message names the field and the remedy.</summary>
public sealed class MatchRulesRefusedException(string message) : Exception(message);

/// <summary>What other rules would change for one sale.</summary>
/// <param name="Was">The rule that decides it now; null when unmatched.</param>
/// <param name="Would">The rule that would; null when unmatched.</param>
/// <param name="Campaign">Of the click concerned, else of the sale; null when neither says.</param>
public sealed record MatchDifference(
    string TenantId,
    string ConversionId,
    MatchRule? Was,
    string? WasClickId,
    MatchRule? Would,
    string? WouldClickId,
    string? Campaign,
    Money Value
)
{
    /// <summary><c>gained</c>, <c>lost</c> or <c>moved</c> (to another click or rule).</summary>
    public string Kind =>
        Was is null ? "gained"
        : Would is null ? "lost"
        : "moved";
}

/// <summary>What other rules would change. Nothing was changed.</summary>
/// <param name="Sales">Decided by both.</param>
/// <param name="Matched">Joined to a click by the rules in force.</param>
/// <param name="WouldMatch">Joined to a click by the others.</param>
/// <param name="CompleteFrom">Clicks before this are not kept any more: see <see cref="NotJudged"/> and <see cref="PartlyJudged"/>.</param>
public sealed record WhatIfReport(
    string Rules,
    int AgainstVersion,
    DateTimeOffset? From,
    DateTimeOffset? To,
    long Sales,
    long Matched,
    long WouldMatch,
    DateTimeOffset CompleteFrom,
    IReadOnlyList<MatchDifference> Differences
)
{
    /// <summary>Sales of the period that happened before any click that is kept: they are in no other number.</summary>
    public long NotJudged { get; init; }

    /// <summary>Sales, counted with the others, of whose windows a part lies before the clicks that are kept: matches may be missing on both sides.</summary>
    public long PartlyJudged { get; init; }
}

/// <summary>Shows, tries and activates rules. Implemented by Matching.</summary>
public interface IMatchRules
{
    Task<MatchRulesInForce> ShowAsync(CancellationToken cancellationToken = default);

    /// <summary>Throws <see cref="MatchRulesRefusedException"/> for rules that cannot be used.</summary>
    /// <returns>The rules now in force; those that were, when they are the same.</returns>
    Task<MatchRulesInForce> ActivateAsync(MatchRuleSet rules, string by, CancellationToken cancellationToken = default);

    /// <summary>Decides the sales of a period by other rules, as of all that is known now, and changes nothing.</summary>
    /// <param name="progress">Is told the position reached, and the last one.</param>
    Task<WhatIfReport> WhatIfAsync(
        MatchRuleSet rules,
        string? tenant,
        DateTimeOffset? from,
        DateTimeOffset? to,
        Action<long, long> progress,
        CancellationToken cancellationToken = default
    );

    /// <summary>Has every new decision made by these rules, too, and what differs noted beside; null ends that.</summary>
    Task ShadowAsync(MatchRuleSet? rules, CancellationToken cancellationToken = default);

    /// <summary>Clicks from before this moment are not kept for look-ups: what was decided by them cannot be decided again.</summary>
    DateTimeOffset KeptFrom();

    /// <summary>What the rules in the shadow would have decided otherwise since they are there; null when there are none.</summary>
    Task<WhatIfReport?> ShadowReportAsync(CancellationToken cancellationToken = default);
}
