using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Primitives;
using Microsoft.FeatureManagement;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Host.Flags;

/// <summary>
/// Reads the switched flags before the host is up, and again whenever a command anywhere switches one; what the configuration switches, at start or
/// when it is read anew, is written down.
/// </summary>
internal sealed partial class FlagRefresh(
    FeatureFlags flags,
    PostgresSignals signals,
    IConfiguration configuration,
    TimeProvider time,
    ILogger<FlagRefresh> logger
) : BackgroundService, IHostedLifecycleService
{
    // Bounds what a lost notification costs.
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim called = new(0);

    // Before any service starts, and so before anything asks for a flag.
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        signals.Subscribe(FeatureFlags.Channel, _ => called.Release());
        await flags.ReloadAsync(cancellationToken);
        await flags.RecordConfiguredAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var configured = ChangeToken.OnChange(configuration.GetReloadToken, () => called.Release());
        while (!stoppingToken.IsCancellationRequested)
        {
            await called.WaitAsync(Every, stoppingToken);
            try
            {
                await flags.ReloadAsync(stoppingToken);
                await flags.RecordConfiguredAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
            {
                LogFailed(logger, exception);
                await Task.Delay(Pause, time, stoppingToken);
                called.Release();
            }
        }
    }

    public override void Dispose()
    {
        called.Dispose();
        base.Dispose();
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(
        12001,
        LogLevel.Warning,
        "The flags could not be read anew and stay as they were; trying again. Check that Postgres is up."
    )]
    private static partial void LogFailed(ILogger logger, Exception exception);
}

internal static class FlagServices
{
    /// <summary>After every module that adds feature management: its own source of definitions is put behind this one.</summary>
    public static IServiceCollection AddFlags(this IServiceCollection services)
    {
        services.AddSingleton(Configured);
        // A source of its own: a look at what is configured, while it changes, must not leave the old answer to those who ask for each delivery.
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<FeatureFlags>(provider, Configured(provider)));
        services.AddSingleton<IFeatureFlags>(provider => provider.GetRequiredService<FeatureFlags>());
        services.RemoveAll<IFeatureDefinitionProvider>();
        services.AddSingleton<IFeatureDefinitionProvider, SwitchedFeatures>();
        services.AddHostedService<FlagRefresh>();
        return services.AddSchema("host", typeof(FlagServices).Assembly);
    }

    private static ConfigurationFeatureDefinitionProvider Configured(IServiceProvider provider) =>
        new(provider.GetRequiredService<IConfiguration>())
        {
            RootConfigurationFallbackEnabled = true,
            Logger = provider.GetRequiredService<ILogger<ConfigurationFeatureDefinitionProvider>>(),
        };
}
