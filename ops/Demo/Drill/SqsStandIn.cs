using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace TrackAi.Demo;

/// <summary>A stand-in for SQS in a process of its own (npm's fauxqs), to be killed and started again.</summary>
/// <param name="folder">Where <c>npm ci</c> was run for it: <c>tests/TrackAi.Testing/Sqs</c> of the clone.</param>
internal sealed class SqsStandIn(string folder) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly int port = FreePort();
    private Process? process;

    public string Url => $"http://127.0.0.1:{port}";

    public async Task StartAsync()
    {
        var program = Path.Combine(folder, "node_modules", "fauxqs", "dist", "server.js");
        if (!File.Exists(program))
            throw new InvalidOperationException(
                $"The stand-in for SQS is missing: run 'npm ci' in {folder}, or './trackai test', which does."
            );
        var start = new ProcessStartInfo("node")
        {
            ArgumentList = { program },
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["FAUXQS_PORT"] = $"{port}" },
        };
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await AnswersAsync();
    }

    /// <summary>Everything in it is gone with it.</summary>
    public async Task KillAsync()
    {
        if (process is null)
            return;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private async Task AnswersAsync()
    {
        using var http = new HttpClient(new SocketsHttpHandler());
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                using var answer = await http.GetAsync(new Uri($"{Url}/health"));
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException) when (Stopwatch.GetElapsedTime(started) < Patience)
            {
                // It is not up yet.
            }

            if (process!.HasExited)
                throw new InvalidOperationException($"The stand-in for SQS ended with {process.ExitCode}: is port {port} taken?");
            if (Stopwatch.GetElapsedTime(started) > Patience)
                throw new TimeoutException("The stand-in for SQS does not answer.");
            await Task.Delay(Pause);
        }
    }

    // Below those that systems give to whoever connects or asks for any: nobody is given it while the stand-in is down.
    private static int FreePort()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, RandomNumberGenerator.GetInt32(20_000, 32_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.AddressAlreadyInUse)
            {
                // Another one, then.
            }
        }
    }
}
