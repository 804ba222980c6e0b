using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>A database with the event store's schema and the tables of the test projections.</summary>
public sealed class OrdersDatabase : TestDatabase
{
    public static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(2);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await ExecuteAsync(
            "create table order_log (position bigint generated always as identity, seq bigint primary key, stream varchar not null)"
        );
        await using var host = await StartAsync(daemon: false);
    }

    /// <summary>A host of its own over this database: several of them stand for several machines.</summary>
    public Task<TestHost> StartAsync(bool daemon = true, Action<IServiceCollection>? modules = null, TimeProvider? time = null) =>
        TestHost.StartAsync(
            this,
            services =>
            {
                services.AddProjection<OrderLog>();
                modules?.Invoke(services);
            },
            Orders.Types,
            new Dictionary<string, string?>
            {
                ["EventStore:RunDaemon"] = daemon.ToString(),
                ["EventStore:LeaseTime"] = LeaseTime.ToString(),
                ["EventStore:LeaseRenewal"] = "00:00:00.5",
            },
            time
        );
}
