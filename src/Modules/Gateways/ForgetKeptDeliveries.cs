using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TrackAi.Gateways;

/// <summary>Forgets the bodies of deliveries that nobody understood in time: they are people's data.</summary>
internal sealed partial class ForgetKeptDeliveries(
    KeptDeliveries kept,
    GatewaysOptions options,
    TimeProvider time,
    ILogger<ForgetKeptDeliveries> logger
) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                if (await kept.ForgetOlderThanAsync(options.KeepNotUnderstood, stoppingToken) is var forgotten and > 0)
                    LogForgotten(logger, forgotten, options.KeepNotUnderstood);
            }
            catch (NpgsqlException exception)
            {
                LogFailed(logger, exception);
            }
        } while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(3002, LogLevel.Warning, "{Count} deliveries that nobody understood within {Age} were forgotten.")]
    private static partial void LogForgotten(ILogger logger, int count, TimeSpan age);

    [LoggerMessage(3003, LogLevel.Warning, "Kept deliveries could not be looked through; trying again in an hour.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
