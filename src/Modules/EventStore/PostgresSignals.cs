using System.Collections.Immutable;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// One LISTEN connection for the whole process. After it was lost and found again every subscriber is called with null: something may have been missed.
/// </summary>
public sealed partial class PostgresSignals(NpgsqlDataSource dataSource, TimeProvider time, ILogger<PostgresSignals> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private ImmutableDictionary<string, ImmutableList<Action<string?>>> subscribers = ImmutableDictionary.Create<
        string,
        ImmutableList<Action<string?>>
    >(StringComparer.Ordinal);
    private CancellationTokenSource changed = new();

    /// <summary>Calls back with the payload of each notification on a channel; with null first, once it is listened to.</summary>
    public void Subscribe(string channel, Action<string?> onSignal)
    {
        CancellationTokenSource outdated;
        lock (gate)
        {
            subscribers = subscribers.SetItem(channel, (subscribers.GetValueOrDefault(channel) ?? []).Add(onSignal));
            (outdated, changed) = (changed, new CancellationTokenSource());
        }
        outdated.Cancel();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(() => pause = FirstPause, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException or InvalidOperationException)
            {
                LogLost(logger, pause, exception);
            }

            await Task.Delay(pause, time, stoppingToken)
                .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task ListenAsync(Action listened, CancellationToken stoppingToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(stoppingToken);
        connection.Notification += (_, notification) => Raise(notification.Channel, notification.Payload);
        var known = new HashSet<string>(StringComparer.Ordinal);
        while (true)
        {
            var (wanted, signal) = Wanted();
            foreach (var channel in wanted.Where(channel => !known.Contains(channel)))
            {
                await using var listen = new NpgsqlCommand($"listen {channel}", connection);
                await listen.ExecuteNonQueryAsync(stoppingToken);
            }

            listened();
            foreach (var channel in wanted.Where(known.Add))
                Raise(channel, null);
            await WaitAsync(connection, signal, stoppingToken);
        }
    }

    // Until somebody wants another channel.
    private static async Task WaitAsync(NpgsqlConnection connection, CancellationToken signal, CancellationToken stoppingToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(signal, stoppingToken);
        try
        {
            while (true)
                await connection.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }

    private (IReadOnlyCollection<string> Channels, CancellationToken Changed) Wanted()
    {
        lock (gate)
            return ([.. subscribers.Keys], changed.Token);
    }

    private void Raise(string channel, string? payload)
    {
        foreach (var call in Volatile.Read(ref subscribers).GetValueOrDefault(channel) ?? [])
            call(payload);
    }

    [LoggerMessage(
        1010,
        LogLevel.Warning,
        "Lost the connection that listens for notifications; trying again in {Delay}. Until then changes are noticed by polling."
    )]
    private static partial void LogLost(ILogger logger, TimeSpan delay, Exception exception);
}
