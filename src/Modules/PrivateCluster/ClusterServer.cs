using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TrackAi.PrivateCluster;

/// <summary>Creates, starts and stops the server of one cluster. Its callers hold the cluster's gate.</summary>
sealed partial class ClusterServer(ClusterHome home, PrivateClusterOptions options)
{
    const string Superuser = "trackai";
    const int WaitSeconds = 900;
    const int LogBytesKept = 8 * 1024 * 1024;
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);
    static readonly TimeSpan OrphansMayTake = TimeSpan.FromSeconds(30);

    public ClusterHome Home => home;

    public string ConnectionString(int port, string database) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = port,
            Username = Superuser,
            Password = File.ReadAllText(home.PasswordFile),
            Database = database,
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        }.ConnectionString;

    /// <summary>Whether its process is there, whatever it does.</summary>
    public async Task<bool> RunsAsync(CancellationToken cancellationToken) =>
        Postmaster.Read(home.Data) is { } postmaster && await postmaster.RunsAsync(home.Data, cancellationToken);

    /// <summary>The port of a server that answers and has the product's database.</summary>
    public async Task<int> EnsureRunningAsync(CancellationToken cancellationToken)
    {
        var binaries = await PostgresBinaries.FindAsync(MajorOfData(), cancellationToken);
        if (MajorOfData() is null)
            await InitialiseAsync(binaries, cancellationToken);
        if (await AttachAsync(cancellationToken) is { } attached)
            return attached;
        return await StartAsync(binaries, cancellationToken);
    }

    /// <summary>Fast: sessions that are still open are ended, and what they committed is on disk. False when no server ran.</summary>
    public async Task<bool> StopAsync()
    {
        if (Postmaster.Read(home.Data) is not { } postmaster || !await postmaster.RunsAsync(home.Data, CancellationToken.None))
            return false;
        var binaries = await PostgresBinaries.FindAsync(MajorOfData(), CancellationToken.None);
        string[] stop = [binaries.PgCtl, "stop", "-D", "data", "-m", "fast", "-w", "-t", $"{WaitSeconds}", "-s"];
        var stopped = await home.Account.RunAsync(home.Directory, stop, CancellationToken.None);
        if (!stopped.Succeeded && Postmaster.Read(home.Data) is not null)
            throw new PrivateClusterException($"The private Postgres in {home.Data} did not stop: {stopped.Said}");
        return true;
    }

    int? MajorOfData()
    {
        var file = Path.Combine(home.Data, "PG_VERSION");
        return File.Exists(file) ? int.Parse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture) : null;
    }

    /// <summary>In a directory of its own and renamed when complete: a cluster that is half made is never taken for one.</summary>
    async Task InitialiseAsync(PostgresBinaries binaries, CancellationToken cancellationToken)
    {
        LogInitialising(options.Logger, home.Data, binaries.Major);
        const string Prefix = "init-";
        // What a start that was killed left. Its initdb may still be writing, so what cannot be removed yet waits for the next time.
        await Command.RunAsync(home.Directory, ["rm", "-rf", .. Directory.GetDirectories(home.Directory, Prefix + "*")], cancellationToken);

        var name = Prefix + RandomNumberGenerator.GetHexString(8, lowercase: true);
        var draft = Path.Combine(home.Directory, name);
        var password = RandomNumberGenerator.GetHexString(48, lowercase: true);
        Directory.CreateDirectory(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        WriteSecret(Path.Combine(draft, "password"), password);
        await home.Account.OwnAsync(draft, cancellationToken);

        var made = await home.Account.RunAsync(
            home.Directory,
            [
                binaries.Initdb,
                "-D",
                $"{name}/data",
                $"--username={Superuser}",
                $"--pwfile={name}/password",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                // Byte order for indexes, and letters beyond ASCII still know their case.
                "--locale=C",
                OperatingSystem.IsMacOS() ? "--lc-ctype=en_US.UTF-8" : "--lc-ctype=C.UTF-8",
                .. FlushesToDisk ? Array.Empty<string>() : ["--no-sync"],
            ],
            cancellationToken
        );
        if (!made.Succeeded)
            throw new PrivateClusterException($"The private cluster could not be created in {home.Directory}: {made.Said}");

        WriteSecret(home.PasswordFile, password);
        Directory.Move(Path.Combine(draft, "data"), home.Data);
        Directory.Delete(draft, recursive: true);
    }

    bool FlushesToDisk => !options.Settings.TryGetValue("fsync", out var fsync) || fsync is not "off";

    static void WriteSecret(string path, string text)
    {
        File.Delete(path);
        using var file = new FileStream(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }
        );
        file.Write(System.Text.Encoding.ASCII.GetBytes(text));
        file.Flush(flushToDisk: true);
    }

    /// <summary>Null when there is no server to attach to. One that is starting, recovering or stopping is waited for.</summary>
    async Task<int?> AttachAsync(CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (Postmaster.Read(home.Data) is { } postmaster && await postmaster.RunsAsync(home.Data, cancellationToken))
        {
            if (await AnswersAsync(postmaster.Port, cancellationToken))
            {
                LogAttached(options.Logger, postmaster.Port, home.Data);
                return postmaster.Port;
            }
            if (TimeProvider.System.GetElapsedTime(began).TotalSeconds > WaitSeconds)
                throw new PrivateClusterException(
                    $"The private Postgres (process {postmaster.ProcessId}) runs and does not answer; see {home.LogFile}, or end it."
                );
            await Task.Delay(Pause, cancellationToken);
        }
        return null;
    }

    async Task<int> StartAsync(PostgresBinaries binaries, CancellationToken cancellationToken)
    {
        if (home.Account.Name is not null && await ServerAccount.OwnerAsync(home.Data, cancellationToken) is "root")
            await home.Account.OwnAsync(home.Data, cancellationToken);
        if (new FileInfo(home.LogFile) is { Exists: true, Length: > LogBytesKept })
            File.Move(home.LogFile, home.LogFile + ".1", overwrite: true);

        var began = TimeProvider.System.GetTimestamp();
        // Where the server was killed, its clients know where it was.
        var last = Postmaster.Read(home.Data)?.Port;
        for (var portsTaken = 0; ; )
        {
            await DisownPidFileAsync(cancellationToken);
            var port = portsTaken == 0 && last is { } known && IsFree(known) ? known : FreePort();
            var saidBefore = LogLength();
            if (await LaunchAsync(binaries, port, cancellationToken) is not { } failure)
            {
                if (!await AnswersAsync(port, cancellationToken))
                    throw new PrivateClusterException(
                        $"The private Postgres in {home.Data} started and went away again; see {home.LogFile}."
                    );
                LogStarted(options.Logger, binaries.Major, port, home.Data, home.Account.Name ?? Environment.UserName);
                return port;
            }
            var said = LogSince(saidBefore);
            // Somebody took the port between our look and the server's.
            if (said.Contains("could not bind", StringComparison.Ordinal) && ++portsTaken < 10)
                continue;
            // The postmaster was killed and its children have not noticed yet.
            if (said.Contains("is still in use", StringComparison.Ordinal) && TimeProvider.System.GetElapsedTime(began) < OrphansMayTake)
            {
                await Task.Delay(Pause, cancellationToken);
                continue;
            }
            throw new PrivateClusterException($"The private Postgres in {home.Data} did not start: {(said.Length > 0 ? said : failure)}");
        }
    }

    /// <summary>
    /// The pid file of a server that is gone keeps its place, since the server reads from it whether shared memory is still in use; only the number of its
    /// process, which may be another's today (or a zombie's), becomes one that no process has.
    /// </summary>
    async Task DisownPidFileAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Postmaster.FileOf(home.Data)))
            return;
        const string Rewrite = """
            cd data && { echo 2147483647; tail -n +2 postmaster.pid; } > postmaster.pid.stale && mv -f postmaster.pid.stale postmaster.pid
            """;
        var done = await home.Account.RunAsync(home.Directory, ["/bin/sh", "-c", Rewrite], cancellationToken);
        if (!done.Succeeded)
            throw new PrivateClusterException($"The stale {Postmaster.FileOf(home.Data)} could not be taken over: {done.Said}");
    }

    /// <summary>
    /// Null when the server accepts sessions, else what pg_ctl said. pg_ctl gives the server a session of its own: Ctrl-C in the host's terminal does not reach
    /// it. Paths are relative to the home, as pg_ctl hands them to a shell.
    /// </summary>
    async Task<string?> LaunchAsync(PostgresBinaries binaries, int port, CancellationToken cancellationToken)
    {
        string[] start =
        [
            binaries.PgCtl,
            "start",
            "-D",
            "data",
            "-l",
            "data/server.log",
            "-o",
            Arguments(port),
            "-w",
            "-t",
            $"{WaitSeconds}",
            "-s",
        ];
        try
        {
            var started = await home.Account.RunAsync(home.Directory, start, cancellationToken);
            return started.Succeeded ? null : started.Said;
        }
        catch (OperationCanceledException)
        {
            await StopAsync();
            throw;
        }
    }

    string Arguments(int port)
    {
        var settings = ServerSettings.Defaults(options.MaxConnections);
        foreach (var (name, value) in options.Settings)
            settings[name] = value;
        settings["port"] = port.ToString(CultureInfo.InvariantCulture);
        return string.Join(
            ' ',
            settings.Select(setting => $"-c '{setting.Key}={setting.Value.Replace("'", @"'\''", StringComparison.Ordinal)}'")
        );
    }

    async Task<bool> AnswersAsync(int port, CancellationToken cancellationToken)
    {
        try
        {
            await using var source = Probe(port, PrivateCluster.Database);
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidCatalogName)
        {
            await CreateDatabaseAsync(port, cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.CannotConnectNow)
        {
            return false;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.TooManyConnections)
        {
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidPassword)
        {
            throw new PrivateClusterException(
                $"The private Postgres in {home.Data} does not accept the password in {home.PasswordFile}; put the right one back.",
                e
            );
        }
        catch (NpgsqlException e) when (e is not PostgresException)
        {
            // Not listening yet, or no longer.
            return false;
        }
    }

    async Task CreateDatabaseAsync(int port, CancellationToken cancellationToken)
    {
        await using var source = Probe(port, "postgres");
        await using var create = source.CreateCommand($"create database {PrivateCluster.Database}");
        await create.ExecuteNonQueryAsync(cancellationToken);
    }

    NpgsqlDataSource Probe(int port, string database) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(ConnectionString(port, database)) { Pooling = false, Timeout = 10 });

    static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    long LogLength() => new FileInfo(home.LogFile) is { Exists: true } log ? log.Length : 0;

    string LogSince(long position)
    {
        if (!File.Exists(home.LogFile))
            return "";
        using var log = new StreamReader(new FileStream(home.LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        log.BaseStream.Position = position;
        return log.ReadToEnd().Trim();
    }

    [LoggerMessage(8003, LogLevel.Information, "Creating a private cluster in {Directory} with PostgreSQL {Major}")]
    static partial void LogInitialising(ILogger logger, string directory, int major);

    [LoggerMessage(8004, LogLevel.Information, "Private Postgres {Major} started on 127.0.0.1:{Port} as user {User}, data in {Directory}")]
    static partial void LogStarted(ILogger logger, int major, int port, string directory, string user);

    [LoggerMessage(8005, LogLevel.Information, "Attached to the private Postgres on 127.0.0.1:{Port}, data in {Directory}")]
    static partial void LogAttached(ILogger logger, int port, string directory);
}
