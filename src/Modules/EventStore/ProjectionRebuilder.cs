using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.EventStore.Reading;
using TrackAi.EventStore.Running;

namespace TrackAi.EventStore;

/// <summary>How far a rebuild is.</summary>
/// <param name="Position">Events up to here are applied.</param>
/// <param name="Target">The high-water mark when it was last looked at.</param>
/// <param name="EventsPerSecond">Positions passed per second since this run began.</param>
public sealed record RebuildProgress(string Name, long Position, long Target, double EventsPerSecond)
{
    public double Percent => Target == 0 ? 100 : 100.0 * Position / Target;

    public TimeSpan? TimeLeft => EventsPerSecond > 0 ? TimeSpan.FromSeconds((Target - Position) / EventsPerSecond) : null;
}

/// <summary>
/// Builds a projection again from the whole log, in tables of its own beside the live ones, and puts them in their place in one transaction:
/// readers see the old ones until they see the new ones, never an empty or partial read model. Live events go on being applied meanwhile; a rebuild
/// that was killed goes on where it was.
/// </summary>
public sealed partial class ProjectionRebuilder
{
    private const int PageSize = 5000;

    /// <summary>So few events are left that applying them inside the swap holds nobody up.</summary>
    private const long Near = 5000;

    private const int SwapAttempts = 5;
    private static readonly TimeSpan SwapPause = TimeSpan.FromMilliseconds(500);

    private readonly NpgsqlDataSource dataSource;
    private readonly IReadOnlyList<IProjection> projections;
    private readonly IReadOnlyList<SchemaModule> modules;
    private readonly EventSerializer serializer;
    private readonly EventReader reader;
    private readonly BulkReader bulk;
    private readonly TimeProvider time;
    private readonly ILogger<ProjectionRebuilder> logger;

    internal ProjectionRebuilder(
        NpgsqlDataSource dataSource,
        IEnumerable<IProjection> projections,
        IEnumerable<SchemaModule> modules,
        EventSerializer serializer,
        EventReader reader,
        BulkReader bulk,
        TimeProvider time,
        ILogger<ProjectionRebuilder> logger
    ) =>
        (this.dataSource, this.projections, this.modules, this.serializer, this.reader, this.bulk, this.time, this.logger) = (
            dataSource,
            [.. projections],
            [.. modules],
            serializer,
            reader,
            bulk,
            time,
            logger
        );

    /// <summary>Rebuilds one projection; throws <see cref="ArgumentException"/> for a name there is not, <see cref="InvalidOperationException"/> while another process rebuilds it.</summary>
    public async Task RebuildAsync(string name, IProgress<RebuildProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var projection =
            projections.SingleOrDefault(one => one.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException(
                $"There is no projection '{name}'; there are {string.Join(", ", projections.Select(one => one.Name))}.",
                nameof(name)
            );
        await using var guard = await dataSource.OpenConnectionAsync(cancellationToken);
        await LockAsync(guard, projection, cancellationToken);
        try
        {
            var schema = $"rebuild_{projection.Name.ToLowerInvariant()}";
            var position = await BeginAsync(projection, schema, cancellationToken);
            position = await CatchUpAsync(projection, schema, position, progress, cancellationToken);
            await FinishTablesAsync(projection, schema, cancellationToken);
            await SwapOnceAsync(projection, schema, position, cancellationToken);
            var target = await ReadMarkAsync(cancellationToken);
            progress?.Report(new RebuildProgress(projection.Name, target, target, 0));
            LogDone(logger, projection.Name, target);
        }
        catch (RebuildFailedException failed) when (failed.UpTo is { } upTo)
        {
            if (await FindCulpritAsync(projection, upTo, cancellationToken) is { } named)
                throw named;
            throw;
        }
        finally
        {
            EventStoreMetrics.EndRebuild(projection.Name);
            await UnlockAsync(guard, projection);
        }
    }

    // Whatever failed was rolled back, the swap as well: the tables beside are as far as their position says.
    private async Task<RebuildFailedException?> FindCulpritAsync(IProjection projection, long upTo, CancellationToken cancellationToken)
    {
        try
        {
            await using var select = dataSource.CreateCommand("select schema, position from es_rebuild where name = $1");
            select.Parameters.Add(new() { Value = projection.Name });
            string schema;
            long position;
            await using (var row = await select.ExecuteReaderAsync(cancellationToken))
            {
                if (!await row.ReadAsync(cancellationToken))
                    return null;
                (schema, position) = (row.GetString(0), row.GetInt64(1));
            }

            var types = projection.EventTypes.Select(type => serializer.NameOf(type).Alias).ToArray();
            var search = new FailingEvent(dataSource, reader);
            return await search.FindAsync(projection, schema, types, position, upTo, cancellationToken) is var (culprit, error)
                ? new RebuildFailedException(
                    $"{projection.Name} cannot apply event {culprit.Sequence} ({culprit.Type}, stream {culprit.Stream}): {error.Message} The live read model is untouched.",
                    error
                )
                : null;
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            // What failed first is what the caller must hear.
            return null;
        }
    }

    // A lock ends with its connection: if that is gone, so is the lock, and what went wrong before is what the caller must hear.
    private static async Task UnlockAsync(NpgsqlConnection guard, IProjection projection)
    {
        try
        {
            await ExecuteAsync(guard, $"select pg_advisory_unlock({LockClass}, hashtext('{projection.Name}'))", CancellationToken.None);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException or InvalidOperationException)
        {
            NpgsqlConnection.ClearPool(guard);
        }
    }

    // Two numbers: a lock of one number could be taken for an appender's.
    private const int LockClass = 0x5442;

    private static async Task LockAsync(NpgsqlConnection guard, IProjection projection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select pg_try_advisory_lock({LockClass}, hashtext($1))", guard)
        {
            Parameters = { new() { Value = projection.Name } },
        };
        if (await command.ExecuteScalarAsync(cancellationToken) is not true)
            throw new InvalidOperationException($"{projection.Name} is being rebuilt by another process; wait for it, or end it.");
    }

    // The tables are made by the module's own scripts, in a schema beside, so that names, indexes and constraints are what they would be anew.
    private async Task<long> BeginAsync(IProjection projection, string schema, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var select = new NpgsqlCommand(
            "select position from es_rebuild where name = $1 and built_by = $2 and exists (select from pg_namespace where nspname = schema)",
            connection
        )
        {
            Parameters =
            {
                new() { Value = projection.Name },
                new() { Value = BuildOf(projection) },
            },
        };
        if (await select.ExecuteScalarAsync(cancellationToken) is long position)
        {
            LogResumed(logger, projection.Name, position);
            return position;
        }

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(
            connection,
            $"drop schema if exists {schema} cascade; create schema {schema}; set local search_path = {schema}",
            cancellationToken
        );
        foreach (var script in ScriptsOf(projection))
            await ExecuteAsync(connection, script, cancellationToken);
        var deferred = await DropIndexesAsync(connection, projection, cancellationToken);
        await using var begin = new NpgsqlCommand(
            """
            insert into public.es_rebuild (name, schema, built_by, deferred) values ($1, $2, $3, $4)
            on conflict (name) do update
            set schema = excluded.schema, built_by = excluded.built_by, deferred = excluded.deferred, position = 0, started_at = now()
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = projection.Name },
                new() { Value = schema },
                new() { Value = BuildOf(projection) },
                new() { Value = deferred },
            },
        };
        await begin.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return 0;
    }

    // What no key needs is made once the tables are full: sorting all rows is less work than finding each row's place.
    private static async Task<string[]> DropIndexesAsync(
        NpgsqlConnection connection,
        IProjection projection,
        CancellationToken cancellationToken
    )
    {
        await using var drop = new NpgsqlCommand(
            """
            select c.relname, pg_get_indexdef(c.oid) from pg_index i
            join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
            where t.relname = any ($1) and t.relnamespace = current_schema()::regnamespace and not i.indisunique
            order by c.relname
            """,
            connection
        )
        {
            Parameters = { new() { Value = projection.Tables.ToArray() } },
        };
        var indexes = new List<(string Name, string Definition)>();
        await using (var rows = await drop.ExecuteReaderAsync(cancellationToken))
        {
            while (await rows.ReadAsync(cancellationToken))
                indexes.Add((rows.GetString(0), rows.GetString(1)));
        }

        foreach (var (name, _) in indexes)
            await ExecuteAsync(connection, $"drop index {name}", cancellationToken);
        return [.. indexes.Select(index => index.Definition)];
    }

    private async Task FinishTablesAsync(IProjection projection, string schema, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var select = new NpgsqlCommand("select deferred from es_rebuild where name = $1", connection)
        {
            Parameters = { new() { Value = projection.Name } },
        };
        foreach (var index in (string[])(await select.ExecuteScalarAsync(cancellationToken))!)
            await ExecuteAsync(connection, index, cancellationToken);
        // Or the new tables' first queries are planned for empty ones.
        await ExecuteAsync(
            connection,
            $"set local search_path = {schema}; analyze {string.Join(", ", projection.Tables)}; set local search_path = public",
            cancellationToken
        );
        await ExecuteAsync(connection, $"update es_rebuild set deferred = '{{}}' where name = '{projection.Name}'", cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static string BuildOf(IProjection projection) => projection.GetType().Module.ModuleVersionId.ToString();

    private IEnumerable<string> ScriptsOf(IProjection projection)
    {
        var module =
            modules.SingleOrDefault(one => one.Assembly == projection.GetType().Assembly)
            ?? throw new InvalidOperationException($"{projection.Name} cannot be rebuilt: its module registers no schema (AddSchema).");
        return SchemaMigrator.ScriptsOf(module);
    }

    private async Task<long> CatchUpAsync(
        IProjection projection,
        string schema,
        long position,
        IProgress<RebuildProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        var types = projection.EventTypes.Select(type => serializer.NameOf(type).Alias).ToHashSet(StringComparer.Ordinal);
        var (from, started) = (position, time.GetTimestamp());
        while (true)
        {
            var mark = await ReadMarkAsync(cancellationToken);
            if (mark - position <= Near)
                return position;
            if (BulkReader.CanRead(projection) && mark - position > BulkReader.PageSize)
            {
                try
                {
                    await foreach (var page in bulk.ReadAsync(projection, position, mark, skipped: false, cancellationToken))
                    {
                        await ApplyAsync(projection, schema, page, cancellationToken);
                        position = page.Ceiling;
                        Report(mark);
                    }
                }
                // These read as they go.
                catch (Exception exception) when (exception is not RebuildFailedException && Faults.AreOfTheCode(exception))
                {
                    throw new RebuildFailedException(
                        $"{projection.Name} cannot read one of the events after {position}: {exception.Message} The live read model is untouched.",
                        exception
                    )
                    {
                        UpTo = Math.Min(position + BulkReader.PageSize, mark),
                    };
                }

                continue;
            }

            // The next page is read while this one is applied.
            var next = reader.ReadRangeAsync(position, mark, PageSize, types, cancellationToken);
            while (position < mark)
            {
                var page = await next;
                next = page.Ceiling < mark ? reader.ReadRangeAsync(page.Ceiling, mark, PageSize, types, cancellationToken) : Nothing;
                await ApplyAsync(projection, schema, PageOf(projection, page, position), cancellationToken);
                position = page.Ceiling;
                Report(mark);
            }
        }

        void Report(long mark)
        {
            var now = new RebuildProgress(projection.Name, position, mark, (position - from) / time.GetElapsedTime(started).TotalSeconds);
            EventStoreMetrics.ShowRebuild(now);
            progress?.Report(now);
        }
    }

    private static readonly Task<EventPage> Nothing = Task.FromResult(new EventPage([], 0));

    private async Task ApplyAsync(IProjection projection, string schema, BulkPage page, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // Losing the last moments to a crash costs doing them again, nothing else.
        await ExecuteAsync(connection, $"set local search_path = {schema}; set local synchronous_commit = off", cancellationToken);
        await ApplyPageAsync(projection, page, connection, cancellationToken);
        await MoveAsync(connection, projection, page.Ceiling, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static BulkPage PageOf(IProjection projection, EventPage page, long after) =>
        new(
            after,
            page.Ceiling,
            async (connection, cancellationToken) =>
            {
                if (page.Events.Count > 0)
                    await projection.ApplyAsync(page.Events, connection, cancellationToken);
                return page.Events.Count;
            }
        );

    private static async Task ApplyPageAsync(
        IProjection projection,
        BulkPage page,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await page.ApplyAsync(connection, cancellationToken);
        }
        catch (Exception exception) when (Faults.AreOfTheCode(exception))
        {
            throw new RebuildFailedException(
                $"{projection.Name} cannot apply one of the events {page.After + 1} to {page.Ceiling}: {exception.Message} The live read model is untouched.",
                exception
            )
            {
                UpTo = page.Ceiling,
            };
        }
    }

    private static async Task MoveAsync(
        NpgsqlConnection connection,
        IProjection projection,
        long position,
        CancellationToken cancellationToken
    )
    {
        await using var move = new NpgsqlCommand("update public.es_rebuild set position = $2 where name = $1", connection)
        {
            Parameters =
            {
                new() { Value = projection.Name },
                new() { Value = position },
            },
        };
        await move.ExecuteNonQueryAsync(cancellationToken);
    }

    // Somebody may lock these tables in an order of their own, or read them in a transaction without end: whoever waits behind the swap meanwhile, readers
    // and leases, waits for a moment only.
    private async Task SwapOnceAsync(IProjection projection, string schema, long position, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await SwapAsync(projection, schema, position, cancellationToken);
                return;
            }
            catch (PostgresException exception)
                when (exception.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable)
            {
                if (attempt == SwapAttempts)
                    throw new InvalidOperationException(
                        $"{projection.Name} is built and could not be put in place: another session keeps its tables locked, as one that reads them in an open transaction does. End it (pg_stat_activity) and rebuild again: it goes on where it is.",
                        exception
                    );
                LogSwapAgain(logger, projection.Name, exception);
                await Task.Delay(SwapPause, time, cancellationToken);
            }
        }
    }

    private async Task SwapAsync(IProjection projection, string schema, long position, CancellationToken cancellationToken)
    {
        var shard = Shard.NameOf(projection.Name);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, "set local lock_timeout = '2s'", cancellationToken);
        // One swap at a time: two that have views in common would wait for each other.
        await ExecuteAsync(connection, $"select pg_advisory_xact_lock({LockClass}, 0)", cancellationToken);
        // First the shard's row, then the tables, as the shard's own pages do: whoever applies one is waited for, whoever begins one waits, and finds its token
        // outdated afterwards. Readers are not in the way yet.
        await ExecuteAsync(
            connection,
            $"""
            insert into es_shard (name) values ('{shard}') on conflict do nothing;
            select from es_shard where name = '{shard}' for update;
            update es_shard
            set token = token + 1, owner = null, leased_until = null, state = case state when 'paused' then state else 'running' end,
                error_sequence = null, error_type = null, error = null, skip_sequence = null, skip_error = null, changed_at = now()
            where name = '{shard}'
            """,
            cancellationToken
        );
        await ExecuteAsync(
            connection,
            $"lock table {string.Join(", ", projection.Tables.Select(table => $"public.{table}"))} in share row exclusive mode",
            cancellationToken
        );

        var mark = await ReadMarkAsync(cancellationToken);
        var types = projection.EventTypes.Select(type => serializer.NameOf(type).Alias).ToHashSet(StringComparer.Ordinal);
        await ExecuteAsync(connection, $"set local search_path = {schema}", cancellationToken);
        while (position < mark)
        {
            var page = await reader.ReadRangeAsync(position, mark, PageSize, types, cancellationToken);
            await ApplyPageAsync(projection, PageOf(projection, page, position), connection, cancellationToken);
            position = page.Ceiling;
        }

        await ExecuteAsync(connection, "set local search_path = public", cancellationToken);
        await ExchangeAsync(connection, projection, schema, cancellationToken);
        await using var finish = new NpgsqlCommand(
            """
            with progress as (
                insert into mt_event_progression (name, last_seq_id) values ($1, $2)
                on conflict on constraint pk_mt_event_progression do update set last_seq_id = excluded.last_seq_id, last_updated = transaction_timestamp()
            ),
            built as (
                insert into es_projection (name, version) values ($3, $4) on conflict (name) do update set version = excluded.version
            )
            delete from es_rebuild where name = $3
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = shard },
                new() { Value = position },
                new() { Value = projection.Name },
                new() { Value = projection.Version },
            },
        };
        await finish.ExecuteNonQueryAsync(cancellationToken);
        await DeadLetters.ForgetAsync(connection, projection.Name, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    // A view keeps to the table it was made over, whatever that is called later: views are said again once the new tables have the names.
    private static async Task ExchangeAsync(
        NpgsqlConnection connection,
        IProjection projection,
        string schema,
        CancellationToken cancellationToken
    )
    {
        var views = await ReadViewsAsync(connection, projection.Tables, cancellationToken);
        // In the order in which a reader locks: the view it names, what that is built on, the tables. Any other order could end in a deadlock; and so could
        // LOCK, which takes the tables of other projections below a view, too. This locks the view alone, and changes nothing.
        foreach (var (name, _) in views.Reverse())
            await ExecuteAsync(connection, $"alter view public.{name} reset (security_barrier)", cancellationToken);
        await ExecuteAsync(connection, $"create schema {schema}_old", cancellationToken);
        foreach (var table in projection.Tables)
            await ExecuteAsync(
                connection,
                $"alter table public.{table} set schema {schema}_old; alter table {schema}.{table} set schema public",
                cancellationToken
            );
        foreach (var (name, definition) in views)
            await ExecuteAsync(connection, $"create or replace view public.{name} as {definition}", cancellationToken);
        await ExecuteAsync(connection, $"drop schema {schema} cascade; drop schema {schema}_old cascade", cancellationToken);
    }

    /// <summary>The views over some tables, those that others are built on first.</summary>
    private static async Task<IReadOnlyList<(string Name, string Definition)>> ReadViewsAsync(
        NpgsqlConnection connection,
        IReadOnlyList<string> tables,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            """
            with recursive dependent as (
                select c.oid, 0 as depth from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = any ($1)
                union all
                select v.oid, d.depth + 1
                from dependent d
                join pg_depend p on p.refobjid = d.oid and p.classid = 'pg_rewrite'::regclass and p.refclassid = 'pg_class'::regclass
                join pg_rewrite r on r.oid = p.objid
                join pg_class v on v.oid = r.ev_class and v.relkind = 'v' and v.oid <> d.oid
            )
            select v.relname, pg_get_viewdef(v.oid), max(d.depth) from dependent d join pg_class v on v.oid = d.oid and v.relkind = 'v'
            where v.relnamespace = 'public'::regnamespace
            group by v.oid, v.relname order by max(d.depth), v.relname
            """,
            connection
        )
        {
            Parameters = { new() { Value = tables.ToArray() } },
        };
        var views = new List<(string, string)>();
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            views.Add((rows.GetString(0), rows.GetString(1)));
        return views;
    }

    private async Task<long> ReadMarkAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return (await HighWaterMark.ReadAsync(connection, cancellationToken)).Mark;
    }

    // An index over very many rows takes as long as it takes.
    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(1060, LogLevel.Information, "{Projection} is rebuilt up to event {Position}.")]
    private static partial void LogDone(ILogger logger, string projection, long position);

    [LoggerMessage(1062, LogLevel.Warning, "{Projection} is put in place once more: another session kept its tables locked.")]
    private static partial void LogSwapAgain(ILogger logger, string projection, Exception exception);

    [LoggerMessage(1061, LogLevel.Information, "The rebuild of {Projection} goes on at event {Position}, where it was left.")]
    private static partial void LogResumed(ILogger logger, string projection, long position);
}
