namespace TrackAi.Contracts;

/// <summary>
/// Nothing is sent to the pixel any more until it is resumed: its token is dead or may not write to it. What waits for it keeps waiting. Stream
/// <c>pixel-{pixel}</c>, as are the other events of this file.
/// </summary>
/// <param name="Reason"><c>token</c>, <c>permission</c> or <c>no_token</c>.</param>
/// <param name="TokenFingerprint">Tells one token from another; nobody can make a token of it.</param>
public sealed record PixelPaused(
    string PixelId,
    string Reason,
    int? HttpStatus,
    int? Code,
    int? Subcode,
    string Error,
    string? FbTraceId,
    string? TokenFingerprint,
    DateTimeOffset PausedAt
);

/// <param name="Cause"><c>token_changed</c> or <c>command</c>.</param>
public sealed record PixelResumed(string PixelId, string Cause, DateTimeOffset ResumedAt);

/// <summary>Requests to the pixel failed so often that none is made before <paramref name="Until"/>; then one is, to see.</summary>
public sealed record PixelCircuitOpened(string PixelId, string Error, DateTimeOffset Until, DateTimeOffset OpenedAt);

public sealed record PixelCircuitClosed(string PixelId, DateTimeOffset ClosedAt);

/// <summary>The same for Meta as a whole: several pixels fail and hardly any does not. Stream <c>meta</c> of no tenant.</summary>
public sealed record MetaCircuitOpened(string Error, DateTimeOffset Until, DateTimeOffset OpenedAt);

public sealed record MetaCircuitClosed(DateTimeOffset ClosedAt);

/// <summary>Somebody has to see to the pixel's token.</summary>
/// <param name="Reason"><c>invalid</c> or <c>expires_soon</c>.</param>
public sealed record PixelTokenAlertRaised(string PixelId, string Reason, DateTimeOffset? ExpiresAt, DateTimeOffset RaisedAt);

public sealed record PixelTokenAlertCleared(string PixelId, DateTimeOffset ClearedAt);
