using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Privacy;
using TrackAi.Testing;

namespace TrackAi.Tenancy.Tests;

/// <summary>A database and a host with Tenancy over it.</summary>
public sealed class TenancyDatabase : TestDatabase
{
    private static readonly string Key = NewKey("the master key of the tests");

    public TestHost Host { get; private set; } = null!;

    public ITenantAdministration Tenants => Host.Tenants();

    public ITenantDirectory Directory => Host.Directory();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Host = await StartAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await base.DisposeAsync();
    }

    /// <summary>Another host over this database, as another machine or the command line would be.</summary>
    /// <param name="before">Adds what stands before Tenancy.</param>
    public Task<TestHost> StartAsync(
        IReadOnlyDictionary<string, string?>? settings = null,
        TimeProvider? time = null,
        string? masterKey = null,
        Action<IServiceCollection>? before = null
    ) =>
        TestHost.StartAsync(
            this,
            services =>
            {
                before?.Invoke(services);
                services.AddPrivacy().AddTenancy(["hotmart", "kiwify", "perfectpay", "stripe"]);
            },
            settings: new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>())
            {
                ["EventStore:RunDaemon"] = "false",
                ["Secrets:MasterKey"] = masterKey ?? Key,
            },
            time: time
        );

    /// <summary>The services as a command of the command line has them: nothing is started.</summary>
    public ServiceProvider Command(string? masterKey = null) => Command(ConnectionString, masterKey ?? Key);

    public static ServiceProvider Command(string connectionString, string masterKey) =>
        new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Secrets:MasterKey", masterKey)]).Build())
            .AddEventStore(_ => connectionString, EventTypes.All, EventTypes.Metadata)
            .AddPrivacy()
            .AddTenancy()
            .BuildServiceProvider();

    public static string NewKey(string seed) => Convert.ToBase64String(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(seed)));

    /// <summary>The stored facts of a tenant.</summary>
    public async Task<IReadOnlyList<object>> FactsAsync(string tenant) =>
        [.. (await Host.Store.ReadStreamAsync(new StreamId(tenant, Streams.Tenant(tenant)))).Select(recorded => recorded.Data)];

    /// <summary>How many rows of the whole database show a text, as it is or as the hex of its bytes.</summary>
    public async Task<long> RowsShowingAsync(string text)
    {
        var tables = await ScalarAsync<string[]>("select array_agg(quote_ident(tablename)) from pg_tables where schemaname = 'public'");
        tables.ShouldContain("gateway_secret");
        tables.ShouldContain("mt_events");
        var hex = Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(text));
        var rows = 0L;
        foreach (var table in tables)
            rows += await ScalarAsync<long>(
                $"select count(*) from {table} r where position($1 in r::text) > 0 or position($2 in r::text) > 0",
                text,
                hex
            );
        return rows;
    }
}

internal static class Hosts
{
    public static ITenantAdministration Tenants(this TestHost host) => host.Services.GetRequiredService<ITenantAdministration>();

    public static ITenantDirectory Directory(this TestHost host) => host.Services.GetRequiredService<ITenantDirectory>();

    public static IApiKeys ApiKeys(this TestHost host) => host.Services.GetRequiredService<IApiKeys>();
}
