using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace TrackAi.Dispatch;

internal static class DispatchMetrics
{
    public const string Name = "TrackAi.Dispatch";

    private static readonly Meter Meter = new(Name);

    public static readonly ActivitySource Activities = new(Name);

    /// <summary>Tags: outcome (sent, transient, throttled, token, permission, permanent, no_answer), tenant.</summary>
    public static readonly Counter<long> Events = Meter.CreateCounter<long>("trackai.dispatch.events", "{event}", "Events by Meta's verdict.");

    /// <summary>Tag: outcome.</summary>
    public static readonly Histogram<double> Duration = Meter.CreateHistogram<double>("trackai.dispatch.duration", "s", "One request to Meta.");
}
