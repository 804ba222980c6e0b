using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace TrackAi.Testing;

/// <summary>A stand-in for SQS in a process of its own (npm's fauxqs), to be stopped and started again.</summary>
public sealed class SqsServer : IAsyncLifetime
{
    private readonly int port = FreePort();
    private Process? process;

    public string Url => $"http://127.0.0.1:{port}";

    public async ValueTask InitializeAsync() => await StartAsync();

    public async Task StartAsync()
    {
        var folder = Path.Combine(PostgresServer.RepositoryRoot(), "tests", "TrackAi.Testing", "Sqs");
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
        using var http = new HttpClient(new SocketsHttpHandler());
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    using var answer = await http.GetAsync(new Uri($"{Url}/health"));
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the stand-in for SQS answers",
            TimeSpan.FromSeconds(30)
        );
    }

    /// <summary>Everything in it is gone with it.</summary>
    public async Task StopAsync()
    {
        if (process is null)
            return;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
