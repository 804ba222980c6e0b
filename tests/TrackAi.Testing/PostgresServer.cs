using System.Globalization;
using Npgsql;
using TrackAi.PrivateCluster;

namespace TrackAi.Testing;

/// <summary>
/// The Postgres of the tests: the one that <c>TRACKAI_TEST_POSTGRES</c> names (a connection string that may create databases), else a private cluster in
/// <c>TRACKAI_TEST_DATA_DIR</c> (<c>.trackai/test</c>) that all test processes share. It is started at the first use and left when the process ends.
/// </summary>
public static class PostgresServer
{
    const string Prefix = "test_";
    static readonly TimeSpan LeftoversAreOlderThan = TimeSpan.FromHours(1);
    static readonly Lazy<Task<string>> Admin = new(StartAsync);

    /// <summary>The connection string of the admin database, or of the database given.</summary>
    public static async Task<string> ConnectionStringAsync(string? database = null)
    {
        var admin = await Admin.Value;
        return database is null ? admin : new NpgsqlConnectionStringBuilder(admin) { Database = database }.ConnectionString;
    }

    /// <summary>The name of a new database: empty, or a copy of the template, which must have no sessions for a moment.</summary>
    public static async Task<string> CreateDatabaseAsync(string? template = null)
    {
        var name = Prefix + Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString("N");
        var copied = template is null ? "" : $"template {Quoted(template)}";
        await RetryWhileTemplateIsBusyAsync(() => ExecuteAsync($"create database {Quoted(name)} {copied}"));
        return name;
    }

    public static Task DropDatabaseAsync(string name) => ExecuteAsync($"drop database if exists {Quoted(name)} with (force)");

    static async Task<string> StartAsync()
    {
        var admin = Environment.GetEnvironmentVariable("TRACKAI_TEST_POSTGRES");
        if (string.IsNullOrEmpty(admin))
        {
            var cluster = await PrivateCluster.PrivateCluster.StartOrAttachAsync(
                new PrivateClusterOptions
                {
                    DataDirectory = Environment.GetEnvironmentVariable("TRACKAI_TEST_DATA_DIR") is { Length: > 0 } given
                        ? given
                        : Path.Combine(RepositoryRoot(), ".trackai", "test"),
                    MaxConnections = 400,
                    Settings = new Dictionary<string, string>(StringComparer.Ordinal)
                    {
                        // The data of a test is worth nothing after it.
                        ["fsync"] = "off",
                        ["full_page_writes"] = "off",
                        ["wal_level"] = "minimal",
                        ["max_wal_senders"] = "0",
                        ["max_wal_size"] = "512MB",
                        // To drop a database is to look at every buffer there is; to look after dozens that live for seconds is of no use.
                        ["shared_buffers"] = "128MB",
                        ["autovacuum_naptime"] = "60s",
                    },
                }
            );
            AppDomain.CurrentDomain.ProcessExit += (_, _) => cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
            admin = cluster.ConnectionString;
        }
        await DropLeftoversAsync(admin);
        return admin;
    }

    /// <summary>Databases of runs that were killed.</summary>
    static async Task DropLeftoversAsync(string admin)
    {
        await using var source = AdminSource(admin);
        var names = new List<string>();
        await using (
            var unused = source.CreateCommand(
                """
                select datname
                from pg_database
                where datname ~ '^test_[0-9a-f]{32}$'
                  and not exists (select from pg_stat_activity a where a.datname = pg_database.datname)
                """
            )
        )
        await using (var rows = await unused.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
                names.Add(rows.GetString(0));
        }
        foreach (var name in names.Where(IsOld))
        {
            // Without force: whoever took it up in the meantime keeps it.
            await using var drop = source.CreateCommand($"drop database if exists {Quoted(name)}");
            try
            {
                await drop.ExecuteNonQueryAsync();
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ObjectInUse or PostgresErrorCodes.InvalidCatalogName)
            {
                // Another test process was there first, or uses it.
            }
        }
    }

    /// <summary>The name carries its time: the first 48 bits of a UUIDv7 are milliseconds since 1970.</summary>
    static bool IsOld(string name)
    {
        var milliseconds = long.Parse(name.AsSpan(Prefix.Length, 12), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return TimeProvider.System.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) > LeftoversAreOlderThan;
    }

    static async Task RetryWhileTemplateIsBusyAsync(Func<Task> create)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await create();
                return;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ObjectInUse && attempt < 10)
            {
                // Postgres itself has waited five seconds for the template's sessions to end.
            }
        }
    }

    static async Task ExecuteAsync(string sql)
    {
        await using var source = AdminSource(await Admin.Value);
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 180;
        await command.ExecuteNonQueryAsync();
    }

    static NpgsqlDataSource AdminSource(string admin) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(admin) { Pooling = false, Timeout = 60 });

    static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    internal static string RepositoryRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "TrackAi.sln")))
                return directory.FullName;
        }
        throw new InvalidOperationException($"{AppContext.BaseDirectory} is not inside a clone of TrackAi.");
    }
}
