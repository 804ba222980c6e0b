using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Testing;

/// <summary>The event store with some modules, over a test database: as the product runs them, without HTTP.</summary>
public sealed class TestHost : IAsyncDisposable
{
    private readonly IHost host;

    private TestHost(IHost host) => this.host = host;

    public IServiceProvider Services => host.Services;

    public PostgresEventStore Store => Services.GetRequiredService<PostgresEventStore>();

    public static async Task<TestHost> StartAsync(
        TestDatabase database,
        Action<IServiceCollection>? modules = null,
        IReadOnlyList<Type>? eventTypes = null,
        IReadOnlyDictionary<string, string?>? settings = null,
        TimeProvider? time = null
    )
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings ?? new Dictionary<string, string?>());
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole();
        if (time is not null)
            builder.Services.AddSingleton(time);
        builder.Services.AddEventStore(_ => database.ConnectionString, eventTypes ?? EventTypes.All, EventTypes.Metadata);
        builder.Services.AddSingleton<Ids>();
        modules?.Invoke(builder.Services);

        var host = builder.Build();
        try
        {
            await host.Services.GetRequiredService<SchemaMigrator>().ApplyAsync();
            await host.StartAsync();
            return new TestHost(host);
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>Waits until a projection or subscription has seen everything that is in the log now.</summary>
    public async Task CaughtUpAsync(params string[] shards)
    {
        var mark = await Store.ReadHighWaterMarkAsync();
        await Services.GetRequiredService<ProjectionProgress>().WaitForAsync(shards, mark, Eventually.Patience);
    }

    public async ValueTask DisposeAsync()
    {
        await host.StopAsync();
        if (host is IAsyncDisposable disposable)
            await disposable.DisposeAsync();
    }
}
