using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <summary>
/// Reads all tenants and applies the configured ones before the host is up, then reads anew whatever changed anywhere, many changes at a time.
/// </summary>
internal sealed partial class TenantRefresh(
    TenantDirectory directory,
    ConfiguredTenants configured,
    PostgresSignals signals,
    IOptions<TenancyOptions> options,
    TimeProvider time,
    ILogger<TenantRefresh> logger
) : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Null stands for all tenants.
    private readonly Channel<string?> changed = Channel.CreateUnbounded<string?>(new() { SingleReader = true });

    // Before any service starts: once the connection listens, no channel can be added; and a subscription that has events waiting asks for their
    // tenants at once, and would stop if there were none.
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        signals.Subscribe(TenantChanges.Channel, slug => changed.Writer.TryWrite(slug == TenantChanges.Everyone ? null : slug));
        await directory.LoadAsync(cancellationToken);
        await configured.ApplyAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var slugs = await NextAsync(stoppingToken);
            try
            {
                await directory.ReloadAsync(slugs, stoppingToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
            {
                LogFailed(logger, exception);
                await Task.Delay(Pause, time, stoppingToken);
                changed.Writer.TryWrite(null);
            }
        }
    }

    /// <summary>Waits for a change and takes all that are waiting; null for all tenants, also when there was no change for long.</summary>
    private async Task<IReadOnlyCollection<string>?> NextAsync(CancellationToken cancellationToken)
    {
        using var quiet = new CancellationTokenSource(options.Value.RefreshEvery, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(quiet.Token, cancellationToken);
        try
        {
            await changed.Reader.WaitToReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        var slugs = new HashSet<string?>(StringComparer.Ordinal);
        while (changed.Reader.TryRead(out var slug))
            slugs.Add(slug);
        return slugs.Contains(null) ? null : [.. slugs.OfType<string>()];
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(
        7002,
        LogLevel.Warning,
        "Tenants could not be read anew and stay as they were; trying again. Check that Postgres is up."
    )]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
