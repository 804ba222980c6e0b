using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Dispatch.Lanes;

/// <summary>Asks Meta about each pixel's token now and then, one host at a time, so that somebody hears of a dying one before sales wait for it.</summary>
internal sealed partial class TokenHealth(
    NpgsqlDataSource dataSource,
    TokenProbe probe,
    TokenStandings standings,
    ITenantAdministration tenants,
    ITenantDirectory directory,
    DispatchOptions options,
    TimeProvider time,
    ILogger<TokenHealth> logger
) : BackgroundService
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunWorker || options.TokenCheckTime <= TimeSpan.Zero)
            return;
        var pause = options.TokenCheckTime / 4;
        using var timer = new PeriodicTimer(pause < LongestPause ? pause : LongestPause, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await CheckAllAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next host goes on.
        }
    }

    private async Task CheckAllAsync(CancellationToken stoppingToken)
    {
        try
        {
            foreach (var tenant in await tenants.ListAsync(stoppingToken))
            foreach (var pixel in await tenants.ListPixelsAsync(tenant.Slug, stoppingToken))
                if (directory.FindPixel(tenant.Slug, pixel.PixelId) is { } known && await IsOursAsync(tenant.Slug, known, stoppingToken))
                    await standings.RecordAsync(tenant.Slug, known, await probe.AskAsync(known, stoppingToken), stoppingToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException or TenantChangeRefusedException)
        {
            LogFailed(logger, exception);
        }
    }

    /// <summary>Whether it is time, and no other host has just asked.</summary>
    private async Task<bool> IsOursAsync(string tenant, Pixel pixel, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var command = dataSource.CreateCommand(
            """
            insert into dispatch_pixel as p (tenant_id, pixel_id, token_checked_at) values ($1, $2, $3)
            on conflict (tenant_id, pixel_id) do update set token_checked_at = excluded.token_checked_at
            where p.token_checked_at is null or p.token_checked_at <= $4
            returning 1
            """
        );
        foreach (var value in (object[])[tenant, pixel.PixelId, now, now - options.TokenCheckTime])
            command.Parameters.Add(new() { Value = value });
        return await command.ExecuteScalarAsync(cancellationToken) is not null;
    }

    [LoggerMessage(2023, LogLevel.Warning, "The tokens of pixels could not be looked after; they are later.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
