using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// Notifies the other hosts after appends, many at a time and outside the appends' transactions: a NOTIFY inside would make the whole server's
/// commits take turns.
/// </summary>
internal sealed partial class RemoteWakeUp(NpgsqlDataSource dataSource, WakeUp wakeUp, TimeProvider time, ILogger<RemoteWakeUp> logger)
    : BackgroundService
{
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(20);

    private readonly SemaphoreSlim called = new(0, 1);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        wakeUp.Subscribe(Call);
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await called.WaitAsync(stoppingToken);
            if (!wakeUp.OthersRun)
                continue;
            try
            {
                await using var notify = dataSource.CreateCommand($"select pg_notify('{WakeUp.Channel}', '')");
                await notify.ExecuteNonQueryAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
            {
                LogFailed(logger, exception);
            }

            await Task.Delay(Gap, time, stoppingToken);
        }
    }

    private void Call()
    {
        lock (called)
            if (called.CurrentCount == 0)
                called.Release();
    }

    [LoggerMessage(1050, LogLevel.Warning, "Other hosts could not be notified of new events; they find them by polling.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
