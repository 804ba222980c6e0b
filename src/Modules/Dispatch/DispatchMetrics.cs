using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace TrackAi.Dispatch;

internal static class DispatchMetrics
{
    public const string Name = "TrackAi.Dispatch";

    private static readonly Meter Meter = new(Name);

    public static readonly ActivitySource Activities = new(Name);

    /// <summary>Tags: outcome (sent, transient, throttled, token, permission, permanent, no_answer), tenant.</summary>
    public static readonly Counter<long> Events = Meter.CreateCounter<long>(
        "trackai.dispatch.events",
        "{event}",
        "Events by Meta's verdict."
    );

    /// <summary>Tag: outcome.</summary>
    public static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "trackai.dispatch.duration",
        "s",
        "One request to Meta."
    );

    public static readonly Counter<long> Redriven = Meter.CreateCounter<long>(
        "trackai.dispatch.redriven",
        "{event}",
        "Dead letters put back into the queue."
    );

    /// <summary>What a gauge of this module shows when it is asked.</summary>
    public static void Gauge(string name, string unit, string description, Func<long> read) =>
        Meter.CreateObservableGauge(name, read, unit, description);
}
