namespace TrackAi.Contracts;

/// <summary>What a sale can be joined to a click by. How strong each is, and whether it counts, is said by <see cref="MatchPolicy"/>.</summary>
public enum MatchRule
{
    ClickToken,
    Fbclid,

    /// <summary>Meta's click cookie holds the fbclid, so <see cref="Fbclid"/> tells it; in decisions of earlier versions.</summary>
    Fbc,
    Fbp,
    EmailHash,
    PhoneHash,

    /// <summary>The visitor's id of another tracking script, found in the click's tracking fields and in the sale's.</summary>
    TrackingId,
    ExternalId,

    /// <summary>Probabilistic: the same address and browser shortly before.</summary>
    IpUserAgent,

    /// <summary>Probabilistic: the one click on the same ad shortly before.</summary>
    AdId,
}

/// <summary>What became of one rule: how many clicks it found, and why it did not decide.</summary>
/// <param name="Outcome"><c>matched</c>, <c>not_found</c>, <c>no_identifier</c>, <c>outside_window</c>, <c>after_sale</c>, <c>not_needed</c>, <c>not_alone</c>
/// (an address that many share) or <c>ambiguous</c> (several clicks, and nothing that tells which).</param>
public sealed record RuleTried(MatchRule Rule, string Outcome, int Candidates)
{
    /// <summary>There were more clicks than were looked at.</summary>
    public bool? HasMore { get; init; }

    /// <summary>Where the rule's own window began; that of the decision where it is not given.</summary>
    public DateTimeOffset? WindowFrom { get; init; }
}

/// <summary>A click that could have been the one.</summary>
/// <param name="Reason">Why it won or lost: <c>won</c>, <c>outside_window</c>, <c>after_sale</c>, <c>older_touch</c>, <c>later_touch</c>, <c>weaker_rule</c>,
/// <c>same_click</c> (the winner, found by a weaker rule too), <c>not_alone</c> or <c>ambiguous</c>.</param>
public sealed record MatchCandidate(string ClickId, MatchRule Rule, DateTimeOffset ClickedAt, string Reason)
{
    /// <summary>The click is not known by this identifier itself: a checkout or a sale that was known by both told so.</summary>
    public bool? ByLink { get; init; }
}

/// <summary>One of the clicks that led to a sale.</summary>
public sealed record ClickTouch(string ClickId, MatchRule Rule, DateTimeOffset ClickedAt);

/// <summary>Something that came after the sale made the decision anew.</summary>
/// <param name="Cause"><c>late_click</c>, <c>late_visit</c>, <c>other_sale</c> or <c>second_delivery</c>.</param>
/// <param name="Evidence">The stream it is in.</param>
/// <param name="WasRule">What had decided before; null where nothing did.</param>
/// <param name="WasReason">Why it was unmatched before; null where it was matched.</param>
public sealed record MatchReopened(string Cause, string Evidence, MatchRule? WasRule, string? WasClickId, string? WasReason);

/// <summary>The conversion belongs to a click we captured. The latest decision in the stream is the one that counts.</summary>
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

    /// <summary>Which of several clicks counts by the rules: <c>last</c> or <c>first</c>.</summary>
    public string? Touch { get; init; }

    /// <summary>The earliest click in the windows, by whichever rule.</summary>
    public ClickTouch? FirstTouch { get; init; }

    /// <summary>The last click of the strongest rule.</summary>
    public ClickTouch? LastTouch { get; init; }

    /// <summary>A guess, good for reports: what the click's browser is known by is nobody's to send.</summary>
    public bool? IsProbabilistic { get; init; }

    /// <inheritdoc cref="ConversionUnmatched.Missing"/>
    public IReadOnlyList<MatchRule>? Missing { get; init; }

    /// <inheritdoc cref="ConversionUnmatched.FunnelId"/>
    public string? FunnelId { get; init; }

    /// <inheritdoc cref="ConversionUnmatched.UtmCampaign"/>
    public string? UtmCampaign { get; init; }

    /// <inheritdoc cref="ConversionUnmatched.ReceivedAt"/>
    public DateTimeOffset? ReceivedAt { get; init; }

    /// <inheritdoc cref="ConversionUnmatched.Reopened"/>
    public MatchReopened? Reopened { get; init; }

    /// <inheritdoc cref="ConversionUnmatched.IsTest"/>
    public bool? IsTest { get; init; }
}

/// <summary>No click explains the conversion. It is dispatched on the buyer's data alone.</summary>
/// <param name="Reason"><c>no_identifier</c>, <c>no_click_found</c>, <c>only_clicks_after_the_sale</c>, <c>only_clicks_outside_the_window</c>,
/// <c>only_guesses</c> (an address that many share, an ad that several clicked) or <c>unreadable</c>.</param>
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

    /// <summary>What the sale came without and would have been joined by, or joined more surely: the strongest first.</summary>
    public IReadOnlyList<MatchRule>? Missing { get; init; }

    /// <summary>The funnel the sale belonged to when it was decided.</summary>
    public string? FunnelId { get; init; }

    /// <summary>The campaign by the sale's own tracking fields, packed ones unpacked.</summary>
    public string? UtmCampaign { get; init; }

    /// <summary>When the sale reached us.</summary>
    public DateTimeOffset? ReceivedAt { get; init; }

    /// <summary>Null for the first decision about the sale.</summary>
    public MatchReopened? Reopened { get; init; }

    /// <summary>The sale was marked by its sender as none: it says nothing about a shop.</summary>
    public bool? IsTest { get; init; }
}
