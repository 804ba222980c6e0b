using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace TrackAi.Tenancy;

/// <summary>When API keys were last used: noted in memory, written down now and then, off the requests' path.</summary>
internal sealed partial class KeyUses(
    NpgsqlDataSource dataSource,
    IOptions<TenancyOptions> options,
    TimeProvider time,
    ILogger<KeyUses> logger
) : BackgroundService
{
    private readonly ConcurrentDictionary<Guid, DateTimeOffset> uses = new();

    public void Used(Guid key) => uses[key] = time.GetUtcNow();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.RecordKeyUseEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await WriteAsync(stoppingToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteAsync(cancellationToken);
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        var written = uses.ToArray();
        if (written.Length == 0)
            return;
        try
        {
            await using var update = dataSource.CreateCommand(
                """
                update api_key k set last_used_at = greatest(k.last_used_at, u.used_at)
                from unnest($1, $2) u(id, used_at)
                where k.id = u.id
                """
            );
            update.Parameters.Add(new() { Value = written.Select(use => use.Key).ToArray() });
            update.Parameters.Add(new() { Value = written.Select(use => use.Value).ToArray() });
            await update.ExecuteNonQueryAsync(cancellationToken);
            // Only what was not used again in the meantime.
            foreach (var use in written)
                uses.TryRemove(use);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            LogFailed(logger, exception);
        }
    }

    [LoggerMessage(7020, LogLevel.Warning, "The last use of API keys could not be written down; it will be with the next.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
