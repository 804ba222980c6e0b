using System.Net;
using System.Net.Sockets;

namespace TrackAi.EventStore.Tests;

/// <summary>A wire to Postgres that can lose the answers: what is asked arrives and is done, the answer never comes back, the connection ends.</summary>
internal sealed class SeveringProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Func<CancellationToken, Task<Stream>> connect;
    private readonly Task accepting;
    private int generation;
    private int severed;

    public SeveringProxy(Func<CancellationToken, Task<Stream>> connect)
    {
        this.connect = connect;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public int Severed => Volatile.Read(ref severed);

    /// <summary>Every connection open now loses its next answer; later connections work.</summary>
    public void LoseNextAnswers() => Interlocked.Increment(ref generation);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
                connections.Add(ServeAsync(await listener.AcceptTcpClientAsync(stop.Token)));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        var born = Volatile.Read(ref generation);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        try
        {
            using (client)
            {
                client.NoDelay = true;
                await using var near = client.GetStream();
                await using var far = await connect(ends.Token);
                var asking = PumpAsync(near, far, () => true, ends.Token);
                var answering = PumpAsync(far, near, () => Volatile.Read(ref generation) == born, ends.Token);
                await Task.WhenAny(asking, answering);
                await ends.CancelAsync();
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException)
        {
            return;
        }
    }

    private async Task PumpAsync(Stream from, Stream to, Func<bool> passes, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReadAsync(buffer, cancellationToken) is var read and > 0)
            {
                if (!passes())
                {
                    Interlocked.Increment(ref severed);
                    return;
                }
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
        }
        catch (Exception exception)
            when (exception is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }
}
