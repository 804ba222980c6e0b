namespace TrackAi.Matching;

/// <summary>Section <c>Matching</c>.</summary>
public sealed class MatchingOptions
{
    /// <summary>How long before the sale a click may lie, in days.</summary>
    public int WindowDays { get; set; } = 7;
}
