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
    private readonly List<Func<Task>> watchers = [];
    private TaskCompletionSource watched = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Watchers
    {
        get
        {
            lock (gate)
                return watchers.Count;
        }
    }

    /// <summary>Calls back after each move, until it is disposed of.</summary>
    public IDisposable Watch(Func<Task> onMoved)
    {
        lock (gate)
        {
            watchers.Add(onMoved);
            watched.TrySetResult();
        }

        return new Subscription(this, onMoved);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var last = "";
        while (!stoppingToken.IsCancellationRequested)
        {
            await WatchedAsync(stoppingToken);
            var pause = Every;
            try
            {
                // By name and place: the order of a sum would hide one that moved while another was rebuilt.
                var now = string.Join(' ', (await progress.ReadAsync(stoppingToken)).Select(shard => $"{shard.Progress}{shard.State}"));
                if (now != last && last.Length > 0)
                    await TellAsync();
                last = now;
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
        Func<Task>[] told;
        lock (gate)
            told = [.. watchers];
        foreach (var tell in told)
            await tell();
    }

    private void Remove(Func<Task> watcher)
    {
        lock (gate)
            watchers.Remove(watcher);
    }

    private sealed class Subscription(LiveFeed feed, Func<Task> watcher) : IDisposable
    {
        public void Dispose() => feed.Remove(watcher);
    }

    [LoggerMessage(13001, LogLevel.Warning, "The progress of the read models could not be read; open pages are not updated for a while.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
