using Microsoft.Extensions.Logging;

namespace TrackAi.PrivateCluster;

/// <summary>
/// A Postgres of the product's own, used when no connection string is configured. Processes on the same data directory share it:
/// the first starts the server, the others attach, the last to leave stops it.
/// </summary>
public sealed partial class PrivateCluster : IAsyncDisposable
{
    internal const string Database = "trackai";

    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    readonly ClusterServer _server;
    readonly FileLock _membership;
    readonly ILogger _logger;
    readonly CancellationTokenSource _leaving = new();
    readonly Task _watch;
    readonly int _port;
    int _left;

    PrivateCluster(ClusterServer server, FileLock membership, int port, ILogger logger)
    {
        _server = server;
        _membership = membership;
        _logger = logger;
        ConnectionString = server.ConnectionString(port, Database);
        ServerDirectory = server.Home.Data;
        _port = port;
        _watch = WatchAsync();
    }

    /// <summary>Loopback, the database <c>trackai</c>, with the password.</summary>
    public string ConnectionString { get; }

    /// <summary>Where the server's files are: in the data directory, or in /var/lib/trackai when the server's account cannot reach that.</summary>
    public string ServerDirectory { get; }

    /// <summary>Attaches to the cluster's running server, or creates the cluster and starts the server where needed. Dispose what it returns to leave.</summary>
    public static async Task<PrivateCluster> StartOrAttachAsync(
        PrivateClusterOptions options,
        CancellationToken cancellationToken = default
    )
    {
        try
        {
            var home = await ClusterHome.LocateAsync(options.DataDirectory, options.Logger, cancellationToken);
            var server = new ClusterServer(home, options);
            using var gate = await FileLock.ExclusiveAsync(home.GateFile, cancellationToken);
            var membership = FileLock.Shared(home.MembersFile);
            try
            {
                var port = await server.EnsureRunningAsync(cancellationToken);
                return new PrivateCluster(server, membership, port, options.Logger);
            }
            catch
            {
                await LeaveAsync(server, membership, options.Logger);
                throw;
            }
        }
        catch (UnauthorizedAccessException e)
        {
            throw new PrivateClusterException(
                $"The private cluster of {options.DataDirectory} belongs to another user ({e.Message}). "
                    + "Run as that user, or set TRACKAI_DATA_DIR to a directory of your own.",
                e
            );
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _left, 1) == 1)
            return;
        await _leaving.CancelAsync();
        await _watch;
        _leaving.Dispose();
        using var gate = await FileLock.ExclusiveAsync(_server.Home.GateFile, CancellationToken.None);
        await LeaveAsync(_server, _membership, _logger);
    }

    /// <summary>Nobody else looks after this server: where it was killed, whoever notices first starts it again, at the address its clients know.</summary>
    async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(LookEvery);
        try
        {
            while (await timer.WaitForNextTickAsync(_leaving.Token))
                if (!await _server.RunsAsync(_leaving.Token))
                    await StartAgainAsync();
        }
        catch (OperationCanceledException) when (_leaving.IsCancellationRequested)
        {
            // We leave.
        }
    }

    async Task StartAgainAsync()
    {
        try
        {
            using var gate = await FileLock.ExclusiveAsync(_server.Home.GateFile, _leaving.Token);
            if (await _server.RunsAsync(_leaving.Token))
                return;
            LogGone(_logger, _server.Home.Data);
            var port = await _server.EnsureRunningAsync(_leaving.Token);
            if (port != _port)
                LogMoved(_logger, port, _port);
        }
        catch (Exception exception) when (exception is PrivateClusterException or IOException or Npgsql.NpgsqlException)
        {
            LogNotStarted(_logger, LookEvery, exception);
        }
    }

    /// <summary>Under the gate: nobody joins between the question whether this was the last member and the stop.</summary>
    static async Task LeaveAsync(ClusterServer server, FileLock membership, ILogger logger)
    {
        membership.Dispose();
        using var alone = FileLock.TryExclusive(server.Home.MembersFile);
        if (alone is null)
            return;
        if (await server.StopAsync())
            LogStopped(logger, server.Home.Data);
    }

    [LoggerMessage(8001, LogLevel.Information, "Private Postgres stopped, data in {Directory}")]
    static partial void LogStopped(ILogger logger, string directory);

    [LoggerMessage(8006, LogLevel.Error, "The private Postgres in {Directory} is gone; starting it again")]
    static partial void LogGone(ILogger logger, string directory);

    [LoggerMessage(
        8007,
        LogLevel.Critical,
        "The private Postgres had to move to port {Port}: another program has taken {Old}. Restart this program"
    )]
    static partial void LogMoved(ILogger logger, int port, int old);

    [LoggerMessage(8008, LogLevel.Error, "The private Postgres could not be started again; trying again in {Pause}")]
    static partial void LogNotStarted(ILogger logger, TimeSpan pause, Exception exception);
}
