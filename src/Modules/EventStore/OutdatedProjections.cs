using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using TrackAi.EventStore.Running;

namespace TrackAi.EventStore;

/// <summary>
/// Rebuilds what an earlier version of a projection built, while the host runs: readers see the old rows until they see the new ones. Of several hosts
/// one does it.
/// </summary>
internal sealed partial class OutdatedProjections(
    NpgsqlDataSource dataSource,
    IEnumerable<IProjection> projections,
    ProjectionRebuilder rebuilder,
    EventStoreOptions options,
    TimeProvider time,
    ILogger<OutdatedProjections> logger
) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly IReadOnlyList<IProjection> all = [.. projections];

    // Before the daemon moves: a read model that nothing was ever applied to is this version's.
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.RunDaemon)
            await LearnAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var given = new HashSet<string>(StringComparer.Ordinal);
        while (options.RunDaemon && !stoppingToken.IsCancellationRequested)
        {
            try
            {
                var outdated = (await ReadAsync(stoppingToken)).Where(projection => !given.Contains(projection.Name)).ToArray();
                if (outdated.Length == 0)
                    return;
                foreach (var projection in outdated)
                    await RebuildAsync(projection, given, stoppingToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
            {
                LogBrokenOff(logger, Pause, exception);
            }

            await Task.Delay(Pause, time, stoppingToken);
        }
    }

    private async Task RebuildAsync(IProjection projection, HashSet<string> given, CancellationToken cancellationToken)
    {
        try
        {
            LogOutdated(logger, projection.Name, projection.Version);
            await rebuilder.RebuildAsync(projection.Name, cancellationToken: cancellationToken);
        }
        catch (RebuildFailedException exception)
        {
            given.Add(projection.Name);
            LogFailed(logger, projection.Name, exception);
        }
        catch (InvalidOperationException exception)
        {
            // Another process is at it; what it leaves undone is found at the next look.
            LogLater(logger, exception);
        }
    }

    private async Task LearnAsync(CancellationToken cancellationToken)
    {
        await using var insert = dataSource.CreateCommand(
            """
            insert into es_projection (name, version)
            select n.name, case when p.last_seq_id > 0 then 1 else n.version end
            from unnest($1, $2, $3) n(name, version, shard) left join mt_event_progression p on p.name = n.shard
            on conflict (name) do nothing
            """
        );
        insert.Parameters.Add(Texts(all.Select(projection => projection.Name)));
        insert.Parameters.Add(new() { Value = all.Select(projection => projection.Version).ToArray() });
        insert.Parameters.Add(Texts(all.Select(projection => Shard.NameOf(projection.Name))));
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<IReadOnlyList<IProjection>> ReadAsync(CancellationToken cancellationToken)
    {
        await using var select = dataSource.CreateCommand("select name, version from es_projection");
        var built = new Dictionary<string, int>(StringComparer.Ordinal);
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            built[row.GetString(0)] = row.GetInt32(1);
        return [.. all.Where(projection => built.TryGetValue(projection.Name, out var version) && version < projection.Version)];
    }

    private static NpgsqlParameter Texts(IEnumerable<string> texts) =>
        new() { Value = texts.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    [LoggerMessage(
        1070,
        LogLevel.Information,
        "{Projection} was built by an earlier version and is rebuilt as version {Version}; until then it is read as it was."
    )]
    private static partial void LogOutdated(ILogger logger, string projection, int version);

    [LoggerMessage(1071, LogLevel.Error, "{Projection} could not be rebuilt and stays as it was. Mend it, then run 'projections rebuild'.")]
    private static partial void LogFailed(ILogger logger, string projection, Exception exception);

    [LoggerMessage(
        1073,
        LogLevel.Warning,
        "Read models of earlier versions wait to be rebuilt: Postgres did not answer, or refused. Tried again in {Pause}, from where it was; check that Postgres is up, its statement time-outs and what the role may."
    )]
    private static partial void LogBrokenOff(ILogger logger, TimeSpan pause, Exception exception);

    [LoggerMessage(1072, LogLevel.Information, "Read models of earlier versions are looked at again in a moment.")]
    private static partial void LogLater(ILogger logger, Exception exception);
}
