namespace TrackAi.Contracts;

/// <summary>The conversion must reach a pixel. Enters the queue in the transaction that decides it.</summary>
/// <param name="DispatchId">One dispatch of one event to one pixel: <c>{event_id}/{pixel}</c>.</param>
public sealed record DispatchRequested(
    string ConversionId,
    string Gateway,
    string DispatchId,
    Guid EventId,
    string EventName,
    string PixelId,
    string? ClickId,
    DateTimeOffset RequestedAt
);

/// <summary>The conversion will not be sent, and why (<c>no_pixel</c>, <c>renewal</c>, <c>too_old</c> …).</summary>
public sealed record DispatchSkipped(string ConversionId, string Gateway, string EventName, string Reason, DateTimeOffset DecidedAt);

/// <summary>Meta confirmed the event. It is never sent again.</summary>
public sealed record DispatchSucceeded(
    string ConversionId,
    string Gateway,
    string DispatchId,
    string PixelId,
    int Attempt,
    int HttpStatus,
    string? FbTraceId,
    double LatencyMs,
    IReadOnlyList<string> Messages,
    DateTimeOffset AttemptedAt
)
{
    /// <summary>How well Meta can tell whose event it is, by our estimate; null of what an earlier version sent.</summary>
    public MatchQuality? Quality { get; init; }
}

/// <summary>
/// An estimate of Meta's event match quality, which Meta itself only tells of many events together, and later
/// (https://www.facebook.com/business/help/765081237991954).
/// </summary>
/// <param name="Score">0 to 10, as Meta counts.</param>
/// <param name="Carries">Meta's names of the identifiers that the event carries.</param>
/// <param name="Raises">Those that would raise it most, the weightiest first.</param>
public sealed record MatchQuality(double Score, IReadOnlyList<string> Carries, IReadOnlyList<string> Raises);

/// <summary>An attempt failed; <paramref name="RetryAt"/> says when the next one is due.</summary>
/// <param name="HttpStatus">Null when Meta gave no answer.</param>
/// <param name="ErrorClass"><c>transient</c>, <c>throttled</c>, <c>token</c>, <c>permission</c>, <c>permanent</c> or <c>no_answer</c>.</param>
public sealed record DispatchFailed(
    string ConversionId,
    string Gateway,
    string DispatchId,
    string PixelId,
    int Attempt,
    int? HttpStatus,
    string ErrorClass,
    int? Code,
    int? Subcode,
    string Error,
    string? FbTraceId,
    double LatencyMs,
    DateTimeOffset RetryAt,
    DateTimeOffset AttemptedAt
);

/// <summary>Given up, and why. Stays listed until it is sent again or discarded by command.</summary>
public sealed record DispatchDeadLettered(
    string ConversionId,
    string Gateway,
    string DispatchId,
    string PixelId,
    int Attempt,
    int? HttpStatus,
    string Reason,
    int? Code,
    int? Subcode,
    string Error,
    string? FbTraceId,
    double LatencyMs,
    DateTimeOffset AttemptedAt
);

/// <summary>A dead letter was put back into the queue by command. It is sent under the event_id it always had.</summary>
/// <param name="RedriveId">One redrive, of however many letters; also the correlation id of the event and of the attempts that follow.</param>
/// <param name="Expectation">What Meta was expected to make of it: <c>will_count</c>, <c>will_be_deduplicated</c> or <c>may_count_twice</c>.</param>
/// <param name="TraceId">The trace of the command.</param>
public sealed record DispatchRedriven(
    string ConversionId,
    string Gateway,
    string DispatchId,
    string PixelId,
    Guid RedriveId,
    string Expectation,
    string By,
    string? TraceId,
    DateTimeOffset RedrivenAt
);

/// <summary>A dead letter was put away by command: it stays dead, and nobody is asked about it any more.</summary>
public sealed record DispatchDiscarded(
    string ConversionId,
    string Gateway,
    string DispatchId,
    string PixelId,
    string Reason,
    string By,
    DateTimeOffset DiscardedAt
);
