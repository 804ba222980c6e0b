namespace TrackAi.Dispatch.Queue;

/// <summary>What waits for one pixel of one tenant.</summary>
internal readonly record struct Lane(string TenantId, string PixelId)
{
    public override string ToString() => $"{TenantId}/{PixelId}";
}

/// <summary>A dispatch to be queued.</summary>
/// <param name="ExpiresAt">Meta refuses it from then on.</param>
internal sealed record QueuedDispatch(
    string DispatchId,
    string TenantId,
    string ConversionId,
    string PixelId,
    DateTimeOffset DueAt,
    DateTimeOffset RequestedAt,
    DateTimeOffset ExpiresAt
);

/// <summary>A dispatch this host may send now.</summary>
/// <param name="Attempt">Attempts made before this one.</param>
/// <param name="UnknownSince">When Meta may have taken it without our knowing.</param>
internal sealed record ClaimedDispatch(
    string DispatchId,
    string TenantId,
    string ConversionId,
    string PixelId,
    int Attempt,
    DateTimeOffset RequestedAt,
    DateTimeOffset ExpiresAt,
    DateTimeOffset? UnknownSince,
    Guid? RedriveId = null
)
{
    public Lane Lane => new(TenantId, PixelId);
}

/// <summary>A failure to record: when the dispatch is due again.</summary>
internal sealed record Postponed(string DispatchId, DateTimeOffset DueAt, DateTimeOffset? UnknownSince);

/// <summary>A dispatch to give up.</summary>
internal sealed record GivenUp(string DispatchId, string Reason, string Error, DateTimeOffset? UnknownSince);

/// <summary>What a host asks of the queue.</summary>
/// <param name="PerLane">Of one lane at most.</param>
/// <param name="Most">Of all lanes at most.</param>
/// <param name="Busy">Lanes it has enough of.</param>
/// <param name="After">The lane it was last given something of: those after it come first.</param>
/// <param name="Circuits">Whether open circuits keep a lane closed.</param>
internal sealed record Take(
    Guid Claim,
    DateTimeOffset Now,
    DateTimeOffset Until,
    int PerLane,
    int Most,
    IReadOnlyCollection<Lane> Busy,
    Lane After,
    bool Circuits
);
