using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;
using TrackAi.Dispatch.Lanes;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch;

/// <summary>
/// What no message brings about: paused pixels whose token has changed are resumed, what grew too old while its pixel was paused is given up, and
/// sales that had no pixel are sent when they have one in time.
/// </summary>
internal sealed partial class Housekeeping(
    PostgresQueue queue,
    PixelStates states,
    PrepareDispatches prepare,
    RecordAttempts record,
    ReviveSkipped revive,
    ITenantDirectory tenants,
    Ids ids,
    DispatchOptions options,
    TimeProvider time,
    ILogger<Housekeeping> logger
) : BackgroundService
{
    private const int AtATime = 500;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunWorker)
            return;
        using var timer = new PeriodicTimer(options.HousekeepingTime, time);
        try
        {
            do
            {
                await RunAsync(stoppingToken);
            } while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next host goes on.
        }
    }

    private async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ResumeAsync(stoppingToken);
            await revive.HandleAsync(stoppingToken);
            await GiveUpExpiredAsync(stoppingToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogFailed(logger, options.HousekeepingTime, exception);
        }
    }

    private async Task ResumeAsync(CancellationToken stoppingToken)
    {
        foreach (var (lane, _, fingerprint) in await states.ReadPausedAsync(stoppingToken))
            if (
                tenants.FindPixel(lane.TenantId, lane.PixelId) is { } pixel
                && PixelStates.Fingerprint(pixel.AccessToken) != fingerprint
                && await states.ResumeAsync(lane, "token_changed", stoppingToken)
            )
                LogResumed(logger, lane.PixelId, lane.TenantId);
    }

    private async Task GiveUpExpiredAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var (claim, now) = (ids.New(), time.GetUtcNow());
            var claimed = await queue.ClaimExpiredAsync(claim, AtATime, now, now + options.ClaimTime, stoppingToken);
            if (claimed.Count == 0)
                return;
            var preparation = await prepare.HandleAsync(claimed, stoppingToken);
            await record.HandleAsync(claim, preparation.Ended, preparation.AlreadyConfirmed, CancellationToken.None);
            await queue.ReleaseAsync(claim, [.. preparation.ToSend.Select(one => one.Claimed.DispatchId)], CancellationToken.None);
            if (preparation.ToSend.Count > 0)
                return;
        }
    }

    [LoggerMessage(2020, LogLevel.Information, "Pixel {Pixel} of tenant {Tenant} has a new token and is sent to again.")]
    private static partial void LogResumed(ILogger logger, string pixel, string tenant);

    [LoggerMessage(2021, LogLevel.Error, "Looking after paused pixels failed; it is tried again in {Pause}.")]
    private static partial void LogFailed(ILogger logger, TimeSpan pause, Exception exception);
}
