using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Host;

namespace TrackAi.Testing;

/// <summary>The product in this process, on a real Kestrel and a free port.</summary>
public sealed class TrackAiHost : IAsyncDisposable
{
    private readonly TrackAiApplication application;

    private TrackAiHost(TrackAiApplication application, CapturedLog log)
    {
        (this.application, Log) = (application, log);
        Url = application.Web.Urls.First();
        Http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(Url) };
    }

    public string Url { get; }

    public HttpClient Http { get; }

    public CapturedLog Log { get; }

    public IServiceProvider Services => application.Services;

    public ITenantAdministration Tenants => Services.GetRequiredService<ITenantAdministration>();

    public ITenantDirectory Directory => Services.GetRequiredService<ITenantDirectory>();

    public PostgresEventStore Store => Services.GetRequiredService<PostgresEventStore>();

    /// <param name="settingsFile">Read beside the settings, and again whenever it changes, as the product's own file is.</param>
    /// <param name="log">Keeps what it says also where it does not start.</param>
    public static async Task<TrackAiHost> StartAsync(
        IReadOnlyDictionary<string, string?> settings,
        string? settingsFile = null,
        CapturedLog? log = null
    )
    {
        log ??= new CapturedLog();
        var application = await TrackAiApplication.BuildAsync(
            [],
            builder =>
            {
                builder.Configuration.AddInMemoryCollection(settings);
                if (settingsFile is not null)
                    builder.Configuration.AddJsonFile(settingsFile, optional: false, reloadOnChange: true);
                builder.Logging.ClearProviders();
                builder.Logging.AddProvider(log);
            }
        );
        try
        {
            await application.StartAsync();
            return new TrackAiHost(application, log);
        }
        catch
        {
            await application.DisposeAsync();
            throw;
        }
    }

    /// <summary>Changes a setting while the host runs, as a changed file would.</summary>
    public void Set(string key, string value)
    {
        application.Web.Configuration[key] = value;
        ((IConfigurationRoot)application.Web.Configuration).Reload();
    }

    /// <summary>Waits until every subscription and projection has seen all that is in the log, their own answers included, and nothing waits to be sent.</summary>
    public async Task SettledAsync()
    {
        var progress = Services.GetRequiredService<ProjectionProgress>();
        var shards = Services
            .GetServices<ISubscription>()
            .Select(subscription => subscription.Name)
            .Concat(Services.GetServices<IProjection>().Select(projection => projection.Name))
            .ToArray();
        await Eventually.TrueAsync(
            async () =>
            {
                var mark = await Store.ReadHighWaterMarkAsync();
                await progress.WaitForAsync(shards, mark, Eventually.Patience);
                var queue = await Services.GetRequiredService<IDispatchHealth>().ReadDepthAsync(CancellationToken.None);
                return queue is { Waiting: 0, Active: 0 } && await Store.ReadHighWaterMarkAsync() == mark;
            },
            "all that was accepted is matched, sent and projected"
        );
    }

    /// <summary>Waits until the read models show all that is in the log now, whatever still waits to be sent.</summary>
    public async Task ProjectedAsync()
    {
        var progress = Services.GetRequiredService<ProjectionProgress>();
        var mark = await Store.ReadHighWaterMarkAsync();
        var projections = Services.GetServices<IProjection>().Select(projection => projection.Name).ToArray();
        await progress.WaitForAsync(projections, mark, Eventually.Patience);
    }

    /// <summary>Stops it as an orderly shutdown does.</summary>
    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await application.DisposeAsync();
    }
}
