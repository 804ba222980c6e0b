using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace TrackAi.EndToEnd.Tests;

/// <summary>The wire between a host and Postgres, in the hand of a test: it can be cut, and it can go silent.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private volatile NpgsqlConnectionStringBuilder postgres;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource end = new();
    private readonly Task accepting;
    private CancellationTokenSource cut = new();
    private TaskCompletionSource flowing = Open();
    private volatile bool isCut;

    public Wire(string connectionString)
    {
        postgres = new NpgsqlConnectionStringBuilder(connectionString);
        listener.Start();
        ConnectionString = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)listener.LocalEndpoint).Port,
        }.ConnectionString;
        accepting = AcceptAsync();
    }

    /// <summary>To the same database, through this wire.</summary>
    public string ConnectionString { get; }

    /// <summary>Leads new connections to another server, such as the same one at another port.</summary>
    public void LeadTo(string connectionString) => postgres = new NpgsqlConnectionStringBuilder(connectionString);

    /// <summary>Every connection ends, and no new one is served.</summary>
    public void Cut()
    {
        isCut = true;
        Interlocked.Exchange(ref cut, new CancellationTokenSource()).Cancel();
    }

    /// <summary>Connections stay, and nothing passes.</summary>
    public void Silence() =>
        Interlocked.Exchange(ref flowing, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>New connections are served, and what was held back goes on its way.</summary>
    public void Mend()
    {
        isCut = false;
        flowing.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        listener.Stop();
        await accepting;
        end.Dispose();
        cut.Dispose();
    }

    private static TaskCompletionSource Open()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
                connections.Add(ServeAsync(await listener.AcceptTcpClientAsync(end.Token)));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var near = client;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(end.Token, cut.Token);
        if (isCut)
            return;
        try
        {
            near.NoDelay = true;
            await using var here = near.GetStream();
            await using var there = await ConnectAsync(ends.Token);
            await Task.WhenAny(PumpAsync(here, there, ends.Token), PumpAsync(there, here, ends.Token));
            await ends.CancelAsync();
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException)
        {
            return;
        }
    }

    private async Task PumpAsync(Stream from, Stream to, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReadAsync(buffer, cancellationToken) is var read and > 0)
            {
                await Volatile.Read(ref flowing).Task.WaitAsync(cancellationToken);
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
        }
        catch (Exception exception)
            when (exception is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var server = postgres;
        var isFile = server.Host!.StartsWith('/');
        var socket = new Socket(
            isFile ? AddressFamily.Unix : AddressFamily.InterNetwork,
            SocketType.Stream,
            isFile ? ProtocolType.Unspecified : ProtocolType.Tcp
        );
        if (isFile)
            await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{server.Host}/.s.PGSQL.{server.Port}"), cancellationToken);
        else
            await socket.ConnectAsync(server.Host, server.Port, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
