using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// One LISTEN connection for the whole process. After it was lost and found again every subscriber is called with null: something may have been missed.
/// </summary>
public sealed partial class PostgresSignals(NpgsqlDataSource dataSource, TimeProvider time, ILogger<PostgresSignals> logger)
    : BackgroundService
{
    private readonly ConcurrentDictionary<string, List<Action<string?>>> subscribers = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the first LISTEN is in force.</summary>
    public Task Listening => listening.Task;

    /// <summary>Calls back with the payload of each notification on a channel. To be called before the host starts.</summary>
    public void Subscribe(string channel, Action<string?> onSignal) => subscribers.GetOrAdd(channel, _ => []).Add(onSignal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var delay = TimeSpan.FromMilliseconds(100);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(() => delay = TimeSpan.FromMilliseconds(100), stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException or InvalidOperationException)
            {
                LogLost(logger, delay, exception);
            }

            await Task.Delay(delay, time, stoppingToken)
                .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            delay = TimeSpan.FromMilliseconds(Math.Min(delay.TotalMilliseconds * 2, 2000));
        }
    }

    private async Task ListenAsync(Action listened, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        connection.Notification += (_, notification) => Raise(notification.Channel, notification.Payload);
        foreach (var channel in subscribers.Keys)
        {
            await using var listen = new NpgsqlCommand($"listen {channel}", connection);
            await listen.ExecuteNonQueryAsync(cancellationToken);
        }

        listened();
        listening.TrySetResult();
        foreach (var channel in subscribers.Keys)
            Raise(channel, null);

        while (true)
            await connection.WaitAsync(cancellationToken);
    }

    private void Raise(string channel, string? payload)
    {
        if (subscribers.TryGetValue(channel, out var calls))
            foreach (var call in calls)
                call(payload);
    }

    [LoggerMessage(
        1010,
        LogLevel.Warning,
        "Lost the connection that listens for notifications; trying again in {Delay}. Until then changes are noticed by polling."
    )]
    private static partial void LogLost(ILogger logger, TimeSpan delay, Exception exception);
}
