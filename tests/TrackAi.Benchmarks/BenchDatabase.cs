using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Analytics;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.PrivateCluster;
using Cluster = TrackAi.PrivateCluster.PrivateCluster;

namespace TrackAi.Benchmarks;

/// <summary>A database in the benchmarks' own Postgres cluster (<c>.trackai/bench</c>), which is durable like a real one.</summary>
internal sealed class BenchDatabase : IAsyncDisposable
{
    private readonly Cluster cluster;

    private BenchDatabase(Cluster cluster, string connectionString, bool isNew) =>
        (this.cluster, ConnectionString, IsNew) = (cluster, connectionString, isNew);

    public string ConnectionString { get; }

    /// <summary>Where the server's programs are, by the word the server leaves of how it was started.</summary>
    public string ProgramDirectory =>
        Path.GetDirectoryName(File.ReadAllText(Path.Combine(cluster.ServerDirectory, "postmaster.opts")).Split(' ')[0])!;

    /// <summary>Whether there was none of that name, or it was to be made afresh.</summary>
    public bool IsNew { get; }

    public static Task<Cluster> ClusterAsync(CancellationToken cancellationToken) =>
        Cluster.StartOrAttachAsync(
            new PrivateClusterOptions
            {
                DataDirectory = Path.Combine(Environment.GetEnvironmentVariable("TRACKAI_DATA_DIR") ?? ".trackai", "bench"),
            },
            cancellationToken
        );

    public static async Task<BenchDatabase> OpenAsync(string name, bool fresh, CancellationToken cancellationToken)
    {
        var cluster = await ClusterAsync(cancellationToken);
        await using var source = NpgsqlDataSource.Create(cluster.ConnectionString);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        if (fresh)
            await ExecuteAsync(connection, $"drop database if exists {name} with (force)", cancellationToken);
        await using var exists = new NpgsqlCommand("select exists (select from pg_database where datname = $1)", connection)
        {
            Parameters = { new() { Value = name } },
        };
        var isNew = await exists.ExecuteScalarAsync(cancellationToken) is false;
        if (isNew)
            await ExecuteAsync(connection, $"create database {name}", cancellationToken);
        return new(cluster, new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Database = name }.ConnectionString, isNew);
    }

    /// <summary>A made-up past of so many events and the read models of it; made the first time it is asked for.</summary>
    public static async Task<BenchDatabase> WithReadModelsAsync(long events, CancellationToken cancellationToken)
    {
        var database = await OpenAsync($"bench_{events}", fresh: false, cancellationToken);
        if (database.IsNew)
            await GenerateVerb.FillAsync(database, events, History.UsualDays, seed: 1, cancellationToken);
        await database.BuildAsync(cancellationToken);
        return database;
    }

    // A rebuild is the quickest way to a read model of a long log; the daemon follows from there.
    private async Task BuildAsync(CancellationToken cancellationToken)
    {
        await using var services = await ServicesAsync(cancellationToken);
        var progress = await services.GetRequiredService<ProjectionProgress>().ReadAsync(cancellationToken);
        foreach (var projection in services.GetServices<IProjection>())
        {
            if (progress.Any(shard => shard.Name == $"{projection.Name}:All" && shard.Progress > 0))
                continue;
            var started = Stopwatch.GetTimestamp();
            await services.GetRequiredService<ProjectionRebuilder>().RebuildAsync(projection.Name, cancellationToken: cancellationToken);
            Console.WriteLine(
                FormattableString.Invariant($"built {projection.Name} in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s")
            );
        }
    }

    /// <summary>The event store and the read models over this database, nothing running.</summary>
    /// <param name="only">Leaves out all projections but this one.</param>
    public async Task<ServiceProvider> ServicesAsync(CancellationToken cancellationToken, string? only = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddEnvironmentVariables().Build());
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole());
        services.AddEventStore(_ => ConnectionString, EventTypes.All, EventTypes.Metadata);
        services.AddAnalytics();
        foreach (var other in services.Where(service => IsOther(service, only)).ToArray())
            services.Remove(other);
        var provider = services.BuildServiceProvider();
        // The whole program may have been here before, with more modules than these.
        await using var exists = provider
            .GetRequiredService<NpgsqlDataSource>()
            .CreateCommand("select to_regclass('mt_events') is not null");
        if (await exists.ExecuteScalarAsync(cancellationToken) is false)
            await provider.GetRequiredService<SchemaMigrator>().ApplyAsync(cancellationToken);
        return provider;
    }

    private static bool IsOther(ServiceDescriptor service, string? only) =>
        only is not null && service.ServiceType == typeof(IProjection) && service.ImplementationType?.Name != $"{only}Projection";

    public ValueTask DisposeAsync() => cluster.DisposeAsync();

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
