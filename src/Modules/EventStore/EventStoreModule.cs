using System.Data.Common;
using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using TrackAi.EventStore.Appending;
using TrackAi.EventStore.Reading;
using TrackAi.EventStore.Running;

namespace TrackAi.EventStore;

public static class EventStoreModule
{
    /// <summary>
    /// Registers the event store over a connection string. Connections are pooled without a reset and with automatic preparation, unless the
    /// string says otherwise: worth a factor of two.
    /// </summary>
    /// <param name="metadata">See <see cref="EventSerializer"/>.</param>
    public static IServiceCollection AddEventStore(
        this IServiceCollection services,
        Func<IServiceProvider, string> connectionString,
        IReadOnlyList<Type> eventTypes,
        IJsonTypeInfoResolver? metadata = null
    )
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => CreateDataSource(connectionString(provider), provider.GetRequiredService<ILoggerFactory>()));
        services.AddOptions<EventStoreOptions>().BindConfiguration("EventStore").ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<EventStoreOptions>, ValidateEventStoreOptions>());
        services.AddSingleton(static provider => provider.GetRequiredService<IOptions<EventStoreOptions>>().Value);
        services.AddSingleton(new EventSerializer(eventTypes, metadata));
        services.AddSingleton<WakeUp>();
        services.AddSingleton<PostgresSignals>();
        services.AddHostedService(provider => provider.GetRequiredService<PostgresSignals>());
        services.AddHostedService<RemoteWakeUp>();
        services.AddSingleton<EventReader>();
        services.AddSingleton<StreamLoader>();
        services.AddSingleton<BulkReader>();
        services.AddSingleton<ShardTable>();
        services.AddSingleton<LogTail>();
        services.AddSingleton<LogPosition>();
        services.AddSingleton<SchemaMigrator>();
        services.AddSingleton<ProjectionProgress>();
        services.AddSingleton<Replayer>();
        services.AddSingleton(provider => new SkippedEvents(
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<PostgresEventStore>(),
            provider.GetServices<ISubscription>(),
            provider.GetRequiredService<ShardTable>(),
            provider.GetRequiredService<EventSerializer>(),
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => new ProjectionRebuilder(
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetServices<IProjection>(),
            provider.GetServices<SchemaModule>(),
            provider.GetRequiredService<EventSerializer>(),
            provider.GetRequiredService<EventReader>(),
            provider.GetRequiredService<BulkReader>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<ProjectionRebuilder>>()
        ));
        services.AddSingleton(provider => new AppendStatement(
            provider.GetServices<ISideEffectTable>().ToDictionary(table => table.RowType)
        ));
        services.AddSingleton<AppendPressure>();
        services.AddSingleton(provider => new AppendBatcher(
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<AppendStatement>(),
            provider.GetRequiredService<EventStoreOptions>(),
            provider.GetRequiredService<AppendPressure>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<WakeUp>().Appended,
            provider.GetRequiredService<ILogger<AppendBatcher>>()
        ));
        services.AddSingleton(provider => new PostgresEventStore(
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<EventSerializer>(),
            provider.GetRequiredService<EventStoreOptions>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<AppendBatcher>(),
            provider.GetRequiredService<AppendStatement>(),
            provider.GetRequiredService<EventReader>(),
            provider.GetRequiredService<StreamLoader>(),
            provider.GetRequiredService<WakeUp>()
        ));
        services.AddSingleton(provider => new EventImporter(
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<EventSerializer>(),
            provider.GetRequiredService<EventStoreOptions>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<WakeUp>()
        ));
        services.AddHostedService<OutdatedProjections>();
        services.AddHostedService(provider => new EventDaemon(
            Shards(provider),
            provider.GetRequiredService<PostgresEventStore>(),
            provider.GetRequiredService<ShardTable>(),
            provider.GetRequiredService<LogTail>(),
            provider.GetRequiredService<BulkReader>(),
            provider.GetRequiredService<LogPosition>(),
            provider.GetRequiredService<AppendPressure>(),
            provider.GetRequiredService<WakeUp>(),
            provider.GetRequiredService<PostgresSignals>(),
            provider.GetRequiredService<EventStoreOptions>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<EventDaemon>>()
        ));
        return services.AddSchema("event_store", typeof(EventStoreModule).Assembly, order: 0);
    }

    /// <summary>Registers a module's <c>Schema/NNNN_*.sql</c>.</summary>
    public static IServiceCollection AddSchema(this IServiceCollection services, string module, Assembly assembly, int order = 10) =>
        services.AddSingleton(new SchemaModule(module, assembly, order));

    public static IServiceCollection AddSideEffect(this IServiceCollection services, ISideEffectTable table) =>
        services.AddSingleton(table);

    public static IServiceCollection AddProjection<TProjection>(this IServiceCollection services)
        where TProjection : class, IProjection => services.AddSingleton<IProjection, TProjection>();

    public static IServiceCollection AddSubscription<TSubscription>(this IServiceCollection services)
        where TSubscription : class, ISubscription => services.AddSingleton<ISubscription, TSubscription>();

    /// <summary>A data source with the settings the event store is fast with.</summary>
    public static NpgsqlDataSource CreateDataSource(string connectionString, ILoggerFactory? loggers = null)
    {
        var given = new NpgsqlConnectionStringBuilder(connectionString);
        // Npgsql's own builder says it contains every keyword there is; a plain one, only what is written.
        var written = new DbConnectionStringBuilder { ConnectionString = given.ConnectionString };
        if (!written.ContainsKey("No Reset On Close"))
            given.NoResetOnClose = true;
        if (!written.ContainsKey("Max Auto Prepare"))
            (given.MaxAutoPrepare, given.AutoPrepareMinUsages) = (200, 2);
        // A stream of ten events, or a hundred rows of a page, by one look at the socket.
        if (!written.ContainsKey("Read Buffer Size"))
            given.ReadBufferSize = 32 * 1024;
        if (!written.ContainsKey("Application Name"))
            given.ApplicationName = "TrackAi";
        if (!written.ContainsKey("Timeout"))
            given.Timeout = 5;
        // A LISTEN that hears nothing must still notice that its server is gone.
        if (!written.ContainsKey("Keepalive"))
            given.KeepAlive = 30;
        var builder = new NpgsqlDataSourceBuilder(given.ConnectionString);
        builder.UsePhysicalConnectionInitializer(
            connection => Initialize(connection).ExecuteNonQuery(),
            async connection => await Initialize(connection).ExecuteNonQueryAsync()
        );
        return builder.UseLoggerFactory(loggers).Build();
    }

    // Compiling a plan costs more than any statement of ours takes. A host that is cut off inside a transaction holds back the log's readers:
    // not for longer than this. What appends here announces itself (0008_others_announce_themselves.sql).
    private static NpgsqlCommand Initialize(NpgsqlConnection connection) =>
        new("set jit = off; set idle_in_transaction_session_timeout = '30s'; set trackai.announced = 'yes'", connection);

    internal static IReadOnlyList<Shard> Shards(IServiceProvider provider)
    {
        var serializer = provider.GetRequiredService<EventSerializer>();
        return
        [
            .. provider.GetServices<IProjection>().Select(projection => Shard.Of(projection, serializer)),
            .. provider.GetServices<ISubscription>().Select(subscription => Shard.Of(subscription, serializer)),
        ];
    }
}
