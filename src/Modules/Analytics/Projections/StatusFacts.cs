namespace TrackAi.Analytics.Projections;

internal readonly record struct ConversionKey(string TenantId, string ConversionId);

internal readonly record struct DispatchKey(string TenantId, string ConversionId, string DispatchId);

/// <summary>What an event says of where a conversion stands.</summary>
internal abstract record StatusFact(string TenantId);

internal sealed record TenantSeen(string TenantId, string TimeZone) : StatusFact(TenantId);

/// <summary>A fact about one conversion.</summary>
internal abstract record ConversionFact(ConversionKey Key) : StatusFact(Key.TenantId);

internal sealed record Received(
    ConversionKey Key,
    string Gateway,
    string Kind,
    string State,
    decimal Amount,
    string Currency,
    string GatewayStatus,
    DateTimeOffset OccurredAt,
    DateTimeOffset ReceivedAt
) : ConversionFact(Key);

internal sealed record StateMoved(
    ConversionKey Key,
    string To,
    decimal Amount,
    string Currency,
    string GatewayStatus,
    DateTimeOffset OccurredAt
) : ConversionFact(Key);

/// <param name="FunnelId">The funnel the sale is routed by.</param>
internal sealed record Decided(
    ConversionKey Key,
    bool Matched,
    string? Rule,
    double? Score,
    string? ClickId,
    DateTimeOffset DecidedAt,
    string? FunnelId
) : ConversionFact(Key);

internal sealed record Requested(
    ConversionKey Key,
    string DispatchId,
    string Gateway,
    string EventName,
    string PixelId,
    DateTimeOffset RequestedAt
) : ConversionFact(Key);

internal sealed record Skipped(ConversionKey Key, string EventName, string Reason, DateTimeOffset DecidedAt) : ConversionFact(Key);

/// <param name="Sequence">The row in <c>dispatch_attempt</c>.</param>
/// <param name="RetryAt">Null when none follows.</param>
/// <param name="IsAnswered">Whether Meta gave an answer.</param>
internal sealed record Tried(
    ConversionKey Key,
    long Sequence,
    string DispatchId,
    string Gateway,
    string PixelId,
    int Number,
    string Status,
    string? Reason,
    DateTimeOffset AttemptedAt,
    DateTimeOffset? RetryAt,
    bool IsAnswered,
    double LatencyMs
) : ConversionFact(Key);

/// <summary>A dead one that is to be tried again, by command.</summary>
internal sealed record Redriven(ConversionKey Key, string DispatchId, DateTimeOffset RedrivenAt) : ConversionFact(Key);
