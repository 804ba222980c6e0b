using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TrackAi.EventStore;

namespace TrackAi.Dashboard.Live;

/// <param name="Problem">What went wrong; null while nothing did.</param>
internal sealed record Rebuild(string Name, double Percent, bool IsDone, string? Problem);

/// <summary>Rebuilds of read models that were begun from a page of this host: they outlive the page. One that is cut off goes on where it was.</summary>
internal sealed partial class Rebuilds(
    ProjectionRebuilder rebuilder,
    LiveFeed feed,
    IHostApplicationLifetime host,
    ILogger<Rebuilds> logger
)
{
    private readonly ConcurrentDictionary<string, Rebuild> all = new(StringComparer.Ordinal);

    public Rebuild? Find(string name) => all.GetValueOrDefault(name);

    /// <summary>Does nothing where one is under way.</summary>
    public void Start(string name)
    {
        var begun = new Rebuild(name, 0, IsDone: false, Problem: null);
        if (all.AddOrUpdate(name, begun, (_, before) => before is { IsDone: false } ? before : begun) == begun)
            _ = Task.Run(() => RunAsync(name), CancellationToken.None);
    }

    private async Task RunAsync(string name)
    {
        try
        {
            await rebuilder.RebuildAsync(
                name,
                new Reporter(report => all[name] = new Rebuild(name, report.Percent, IsDone: false, Problem: null)),
                host.ApplicationStopping
            );
            all[name] = new Rebuild(name, 100, IsDone: true, Problem: null);
        }
        catch (OperationCanceledException)
        {
            all[name] = new Rebuild(name, 0, IsDone: true, Problem: "The host stopped; start it again to go on.");
        }
        catch (Exception exception)
        {
            LogFailed(logger, name, exception);
            all[name] = new Rebuild(name, 0, IsDone: true, exception.Message);
        }

        await feed.TellAsync();
    }

    // IProgress<T> of the framework reports on other threads, out of order.
    private sealed class Reporter(Action<RebuildProgress> report) : IProgress<RebuildProgress>
    {
        public void Report(RebuildProgress value) => report(value);
    }

    [LoggerMessage(13003, LogLevel.Error, "The rebuild of {Projection} that was begun from the dashboard failed.")]
    private static partial void LogFailed(ILogger logger, string projection, Exception exception);
}
