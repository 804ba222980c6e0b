namespace TrackAi.Matching;

/// <summary>Section <c>Matching</c>.</summary>
public sealed class MatchingOptions
{
    /// <summary>How long before the sale a click may lie, in days, by the rules that are built in.</summary>
    public int WindowDays { get; set; } = 7;

    /// <summary>The longest window that rules may have, in days: clicks are kept as long.</summary>
    public int LookBackDays { get; set; } = 90;

    /// <summary>How long after a sale something that comes late still changes its decision, in days.</summary>
    public int ReopenDays { get; set; } = 7;

    /// <summary>Networks of mobile carriers, such as <c>177.24.0.0/14</c>: an address of theirs is never enough to join a sale to a click.</summary>
    public IReadOnlyList<string> CarrierNetworks { get; set; } = [];

    /// <summary>How often look-ups that nothing needs any more are deleted; 0 never.</summary>
    public TimeSpan ForgetEvery { get; set; } = TimeSpan.FromHours(1);
}
