using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace TrackAi.EventStore;

/// <summary>Meter and activity source <c>TrackAi.EventStore</c>. Names are constant; what varies is a tag.</summary>
public static class EventStoreMetrics
{
    public const string Name = "TrackAi.EventStore";

    private static readonly Meter Meter = new(Name);

    internal static readonly ActivitySource Activities = new(Name);
    internal static readonly Counter<long> Appended = Meter.CreateCounter<long>(
        "trackai.eventstore.appended",
        "{event}",
        "Events committed."
    );
    internal static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>(
        "trackai.eventstore.batch.size",
        "{append}",
        "Appends committed together."
    );
    internal static readonly Histogram<double> AppendDuration = Meter.CreateHistogram<double>(
        "trackai.eventstore.append.duration",
        "s",
        "From asking to durable."
    );
    internal static readonly Counter<long> Processed = Meter.CreateCounter<long>(
        "trackai.projection.processed",
        "{event}",
        "Events applied. Tag: projection."
    );
    internal static readonly Counter<long> Poisoned = Meter.CreateCounter<long>(
        "trackai.projection.poisoned",
        "{event}",
        "Events that stopped a shard. Tag: projection."
    );
    internal static readonly Gauge<long> LagEvents = Meter.CreateGauge<long>(
        "trackai.projection.lag",
        "{event}",
        "Events not yet applied. Tag: projection."
    );
    internal static readonly Gauge<double> LagSeconds = Meter.CreateGauge<double>(
        "trackai.projection.lag.time",
        "s",
        "Age of the last event applied when it was applied. Tag: projection."
    );
}
