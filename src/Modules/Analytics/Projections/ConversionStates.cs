namespace TrackAi.Analytics.Projections;

/// <summary>Where a dispatch, or all of a conversion's together, stands.</summary>
internal static class DispatchStatus
{
    /// <summary>Nothing decided yet, or not yet tried.</summary>
    public const string Waiting = "waiting";

    /// <summary>The last attempt failed and another one is due.</summary>
    public const string Failed = "failed";
    public const string Sent = "sent";
    public const string Skipped = "skipped";
    public const string Dead = "dead";

    public static readonly IReadOnlyList<string> All = [Waiting, Failed, Sent, Skipped, Dead];

    /// <summary>The less, the sooner something is to be done.</summary>
    public static int Urgency(string status) => Array.IndexOf(MostUrgentFirst, status);

    private static readonly string[] MostUrgentFirst = [Waiting, Failed, Dead, Sent, Skipped];
}

/// <summary>Where a conversion stands.</summary>
internal sealed record ConversionState(
    DateTimeOffset ReceivedAt,
    string Gateway,
    string Kind,
    string State,
    decimal Amount,
    string Currency,
    string GatewayStatus,
    DateTimeOffset StateChangedAt,
    DateTimeOffset? PaidAt,
    bool? Matched,
    string? MatchRule,
    double? MatchScore,
    string? ClickId,
    DateTimeOffset? DecidedAt,
    string DispatchStatus,
    string? DispatchReason,
    DateTimeOffset? SentAt,
    string? FunnelId
)
{
    public string State { get; set; } = State;
    public decimal Amount { get; set; } = Amount;
    public string Currency { get; set; } = Currency;
    public string GatewayStatus { get; set; } = GatewayStatus;
    public DateTimeOffset StateChangedAt { get; set; } = StateChangedAt;
    public DateTimeOffset? PaidAt { get; set; } = PaidAt;
    public bool? Matched { get; set; } = Matched;
    public string? MatchRule { get; set; } = MatchRule;
    public double? MatchScore { get; set; } = MatchScore;
    public string? ClickId { get; set; } = ClickId;
    public DateTimeOffset? DecidedAt { get; set; } = DecidedAt;
    public string DispatchStatus { get; set; } = DispatchStatus;
    public string? DispatchReason { get; set; } = DispatchReason;
    public DateTimeOffset? SentAt { get; set; } = SentAt;
    public string? FunnelId { get; set; } = FunnelId;
}

/// <param name="LastAttempt">Its sequence in <c>dispatch_attempt</c>; null when it was asked for again since.</param>
internal sealed record DispatchState(
    string Gateway,
    string? EventName,
    string PixelId,
    string Status,
    string? Reason,
    int Attempts,
    long? LastAttempt,
    DateTimeOffset? RequestedAt,
    DateTimeOffset ChangedAt,
    DateTimeOffset? RetryAt
);
