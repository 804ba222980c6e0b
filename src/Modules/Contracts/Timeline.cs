namespace TrackAi.Contracts;

/// <summary>One thing that happened.</summary>
/// <param name="At">When, as far as the one who reports it says.</param>
/// <param name="Type">The event's name in the log.</param>
/// <param name="Text">The same in words.</param>
public sealed record TimelineStep(long Sequence, DateTimeOffset At, string Type, string Text)
{
    /// <summary>Further words: what was dropped, what Meta remarked.</summary>
    public IReadOnlyList<string> Details { get; init; } = [];

    /// <summary>The same as names and values, for whoever says it in another language; codes are those of the read models.</summary>
    public IReadOnlyDictionary<string, string> Facts { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Of a decision only.</summary>
    public TimelineMatch? Match { get; init; }

    /// <summary>Of a confirmed attempt only; the last of <see cref="Details"/> says it in words.</summary>
    public MatchQuality? Quality { get; init; }

    /// <summary>Of a dispatch and its attempts only.</summary>
    public TimelineDispatch? Dispatch { get; init; }
}

/// <param name="Rules">Every rule in the order they are tried, and why it did or did not decide.</param>
/// <param name="Candidates">Every click that was looked at, and why it won or lost.</param>
public sealed record TimelineMatch(
    bool Matched,
    string? Rule,
    string? ClickId,
    double? Score,
    string? Reason,
    DateTimeOffset WindowFrom,
    int RuleVersion,
    IReadOnlyList<TimelineRule> Rules,
    IReadOnlyList<TimelineCandidate> Candidates
);

public sealed record TimelineRule(string Rule, string Outcome, int Candidates, string Text);

public sealed record TimelineCandidate(string ClickId, string Rule, DateTimeOffset ClickedAt, string Reason, string Text);

public sealed record TimelineDispatch(string Status, string? EventName, string? PixelId)
{
    public int? Attempt { get; init; }
    public int? HttpStatus { get; init; }
    public string? Reason { get; init; }
    public int? Code { get; init; }
    public int? Subcode { get; init; }
    public string? Error { get; init; }
    public string? FbTraceId { get; init; }
    public double? LatencyMs { get; init; }
    public DateTimeOffset? RetryAt { get; init; }
}

/// <param name="Steps">In the order of the log; the click it was joined to, where there is one, comes first.</param>
public sealed record Timeline(string ConversionId, string TenantId, IReadOnlyList<TimelineStep> Steps);

/// <summary>What happened to one conversion and why, straight from its stream, so it is never behind. Nothing personal is in it. Implemented by Analytics.</summary>
public interface IReadTimeline
{
    /// <summary>Null for an unknown conversion.</summary>
    Task<Timeline?> ReadAsync(string tenant, string conversionId, CancellationToken cancellationToken = default);
}
