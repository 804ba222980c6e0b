namespace TrackAi.Contracts;

/// <summary>The rules in the order they are tried.</summary>
public enum MatchRule
{
    ClickToken,
    Fbclid,
    Fbc,
    Fbp,
    EmailHash,
    PhoneHash,
}

/// <summary>What became of one rule: how many clicks it found, and why it did not decide.</summary>
/// <param name="Outcome"><c>matched</c>, <c>not_found</c>, <c>no_identifier</c>, <c>outside_window</c>, <c>after_sale</c> or <c>not_needed</c>.</param>
public sealed record RuleTried(MatchRule Rule, string Outcome, int Candidates);

/// <summary>A click that could have been the one.</summary>
/// <param name="Reason">Why it won or lost: <c>won</c>, <c>outside_window</c>, <c>after_sale</c>, <c>older_touch</c>, <c>weaker_rule</c>.</param>
public sealed record MatchCandidate(string ClickId, MatchRule Rule, DateTimeOffset ClickedAt, string Reason);

/// <summary>The conversion belongs to a click we captured.</summary>
public sealed record ConversionMatched(
    string ConversionId,
    string Gateway,
    string ClickId,
    MatchRule Rule,
    double Score,
    int RuleVersion,
    DateTimeOffset ClickedAt,
    DateTimeOffset WindowFrom,
    IReadOnlyList<RuleTried> Tried,
    IReadOnlyList<MatchCandidate> Candidates,
    DateTimeOffset DecidedAt
)
{
    /// <summary>What the visitor said last before the sale about being reported to ad networks; null when nothing was said.</summary>
    public bool? VisitorConsent { get; init; }
}

/// <summary>No click explains the conversion. It is dispatched on the buyer's data alone.</summary>
public sealed record ConversionUnmatched(
    string ConversionId,
    string Gateway,
    string Reason,
    int RuleVersion,
    DateTimeOffset WindowFrom,
    IReadOnlyList<RuleTried> Tried,
    IReadOnlyList<MatchCandidate> Candidates,
    DateTimeOffset DecidedAt
)
{
    /// <inheritdoc cref="ConversionMatched.VisitorConsent"/>
    public bool? VisitorConsent { get; init; }
}
