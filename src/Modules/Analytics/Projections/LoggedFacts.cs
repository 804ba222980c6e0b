using TrackAi.Contracts;

namespace TrackAi.Analytics.Projections;

/// <summary>One row of <c>dispatch_attempt</c>.</summary>
internal sealed record Attempt(
    DispatchKey Key,
    long Sequence,
    string Gateway,
    string PixelId,
    int Number,
    string Status,
    int? HttpStatus,
    string? Reason,
    int? Code,
    int? Subcode,
    string? Error,
    string? FbTraceId,
    decimal LatencyMs,
    DateTimeOffset AttemptedAt
)
{
    public MatchQuality? Quality { get; init; }
}

/// <summary>One row of <c>match_log</c>.</summary>
internal sealed record LoggedDecision(
    ConversionKey Key,
    long Sequence,
    string Gateway,
    bool Matched,
    string? MatchRule,
    string? ClickId,
    DateTimeOffset? ClickedAt,
    double? Score,
    string? Reason,
    IReadOnlyList<RuleTried> Tried,
    IReadOnlyList<MatchCandidate> Candidates,
    DateTimeOffset WindowFrom,
    int RuleVersion,
    DateTimeOffset DecidedAt,
    DecisionBeside Beside
);

/// <summary>What a decision says beside its winner.</summary>
internal sealed record DecisionBeside(
    string? FunnelId,
    string? UtmCampaign,
    string? Cause,
    IReadOnlyList<MatchRule> Missing,
    bool IsProbabilistic,
    ClickTouch? First,
    ClickTouch? Last,
    string? ReopenedBy,
    string Explanation
);

internal static class Latency
{
    /// <summary>A bucket ends so many times as high as the one before.</summary>
    public const double Step = 1.2;

    /// <summary>The bucket of what Meta did not answer.</summary>
    public const int NoAnswer = -1;

    /// <summary>The smallest n with latency ≤ 1.2ⁿ ms.</summary>
    public static int Bucket(double latency) => (int)Math.Ceiling(Math.Log(Math.Clamp(latency, 1, 1e9)) / Math.Log(Step));

    /// <summary>Sums of decimals do not depend on their order, so a rebuild comes to the same figures.</summary>
    public static decimal Milliseconds(double latency) => Math.Round((decimal)Math.Clamp(latency, 0, 1e9), 3);
}

internal static class Decimals
{
    /// <summary>Without zeros at its end, as Postgres' <c>trim_scale</c>.</summary>
    public static decimal Trimmed(decimal value) => value / 1.0000000000000000000000000000m;
}
