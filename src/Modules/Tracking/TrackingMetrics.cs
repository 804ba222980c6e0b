using System.Diagnostics.Metrics;

namespace TrackAi.Tracking;

internal static class TrackingMetrics
{
    public const string Name = "TrackAi.Tracking";

    private static readonly Meter Meter = new(Name);

    /// <summary>Tag: outcome.</summary>
    public static readonly Counter<long> Visits = Meter.CreateCounter<long>("trackai.track.visits", "{visit}", "Visits by outcome.");
}
