using System.Collections.Concurrent;
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

    // Observed, not recorded: a shard that stands still must show how far behind it is.
    private static readonly ConcurrentDictionary<object, Func<ShardLag>> Shards = new();

    private static readonly ObservableGauge<long> LagEvents = Meter.CreateObservableGauge(
        "trackai.projection.lag",
        () => Observe(lag => lag.Events),
        "{event}",
        "Events not yet applied. Tag: projection."
    );
    private static readonly ObservableGauge<double> LagSeconds = Meter.CreateObservableGauge(
        "trackai.projection.lag.time",
        () => Observe(lag => lag.Behind.TotalSeconds),
        "s",
        "How long the projection has been behind. Tag: projection."
    );

    private static readonly ConcurrentDictionary<string, RebuildProgress> Rebuilds = new(StringComparer.Ordinal);

    private static readonly ObservableGauge<double> Rebuilt = Meter.CreateObservableGauge(
        "trackai.projection.rebuild.progress",
        () =>
            Rebuilds.Values.Select(progress => new Measurement<double>(
                progress.Percent,
                new KeyValuePair<string, object?>("projection", progress.Name)
            )),
        "%",
        "How far a rebuild that runs in this process is. Tag: projection."
    );

    /// <summary>Shows how far a rebuild is, until it ends.</summary>
    internal static void ShowRebuild(RebuildProgress progress) => Rebuilds[progress.Name] = progress;

    internal static void EndRebuild(string projection) => Rebuilds.TryRemove(projection, out _);

    /// <summary>Shows a shard's lag as long as this host runs it.</summary>
    internal static IDisposable Watch(Func<ShardLag> lag)
    {
        var watched = new Watched();
        Shards[watched] = lag;
        return watched;
    }

    private static IEnumerable<Measurement<T>> Observe<T>(Func<ShardLag, T> value)
        where T : struct =>
        Shards
            .Values.Select(read => read())
            .Select(lag => new Measurement<T>(value(lag), new KeyValuePair<string, object?>("projection", lag.Shard)));

    private sealed class Watched : IDisposable
    {
        public void Dispose() => Shards.TryRemove(this, out _);
    }
}

/// <param name="Behind">Zero when it has applied everything.</param>
internal readonly record struct ShardLag(string Shard, long Events, TimeSpan Behind);
