using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Dashboard.Live;

/// <summary>
/// Tells the pages of this host that the read models have moved on. One look at the daemon's progress serves all of them, and nobody looks while
/// nobody watches.
/// </summary>
internal sealed partial class LiveFeed(ProjectionProgress progress, TimeProvider time, ILogger<LiveFeed> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(3);

    private readonly Lock gate = new();
    private readonly List<Watcher> watchers = [];
    private TaskCompletionSource watched = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Watchers
    {
        get
        {
            lock (gate)
                return watchers.Count;
        }
    }

    /// <summary>Where the read models stand. By name and place: the order of a sum would hide one that moved while another was rebuilt.</summary>
    public async Task<string> ReadPlaceAsync(CancellationToken cancellationToken) =>
        string.Join(' ', (await progress.ReadAsync(cancellationToken)).Select(shard => $"{shard.Progress}{shard.State}"));

    /// <summary>Calls back after each move, until it is disposed of.</summary>
    /// <param name="place">Where they stood before the page read what it shows: what moved while it was being opened is told, too.</param>
    public IDisposable Watch(string place, Func<Task> onMoved)
    {
        var watcher = new Watcher(this, onMoved) { Place = place };
        lock (gate)
        {
            watchers.Add(watcher);
            watched.TrySetResult();
        }

        return watcher;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await WatchedAsync(stoppingToken);
            var pause = Every;
            try
            {
                var place = await ReadPlaceAsync(stoppingToken);
                foreach (var watcher in All())
                    if (watcher.Place != place)
                    {
                        watcher.Place = place;
                        await TellAsync(watcher);
                    }
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
            {
                LogFailed(logger, exception);
                pause = AfterTrouble;
            }

            await Task.Delay(pause, time, stoppingToken);
        }
    }

    private Task WatchedAsync(CancellationToken stoppingToken)
    {
        lock (gate)
        {
            if (watchers.Count > 0)
                return Task.CompletedTask;
            watched = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return watched.Task.WaitAsync(stoppingToken);
        }
    }

    /// <summary>Something else has moved that pages show.</summary>
    public async Task TellAsync()
    {
        foreach (var watcher in All())
            await TellAsync(watcher);
    }

    // A page that is being left may fail in any way: that is no other page's trouble, and not the host's.
    private async Task TellAsync(Watcher watcher)
    {
        try
        {
            await watcher.OnMoved();
        }
        catch (Exception exception)
        {
            LogNotTold(logger, exception);
        }
    }

    private Watcher[] All()
    {
        lock (gate)
            return [.. watchers];
    }

    private void Remove(Watcher watcher)
    {
        lock (gate)
            watchers.Remove(watcher);
    }

    private sealed class Watcher(LiveFeed feed, Func<Task> onMoved) : IDisposable
    {
        public Func<Task> OnMoved => onMoved;

        public required string Place { get; set; }

        public void Dispose() => feed.Remove(this);
    }

    [LoggerMessage(13004, LogLevel.Information, "An open page could not be told of what moved; most likely it was being left.")]
    private static partial void LogNotTold(ILogger logger, Exception exception);

    [LoggerMessage(13001, LogLevel.Warning, "The progress of the read models could not be read; open pages are not updated for a while.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
