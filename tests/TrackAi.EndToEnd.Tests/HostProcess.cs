using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>The program in a process of its own, to be killed.</summary>
internal sealed partial class HostProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly ConcurrentQueue<string> lines = new();
    private readonly ConcurrentQueue<string> results = new();
    private readonly ConcurrentQueue<string> errors = new();
    private readonly TaskCompletionSource<string> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private HostProcess(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, output) => Hear(output.Data, results);
        process.ErrorDataReceived += (_, output) => Hear(output.Data, errors);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => listening.TrySetException(new InvalidOperationException($"The host ended before it served:\n{Output}"));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Http { get; private set; } = null!;

    public string Output => string.Join('\n', lines);

    /// <summary>Runs <c>serve</c> until it serves.</summary>
    public static async Task<HostProcess> ServeAsync(IReadOnlyDictionary<string, string?> settings)
    {
        var host = new HostProcess(Prepare(settings, ["serve"]));
        try
        {
            host.Http = new HttpClient(new SocketsHttpHandler())
            {
                BaseAddress = new Uri(await host.listening.Task.WaitAsync(Eventually.Patience)),
            };
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a verb to its end.</summary>
    public static Task<(int ExitCode, string Output)> RunAsync(IReadOnlyDictionary<string, string?> settings, params string[] arguments) =>
        RunToEndAsync(Prepare(settings, arguments), Eventually.Patience);

    /// <summary>Runs a verb to its end, and keeps apart what it says on stdout and on stderr.</summary>
    public static async Task<(int ExitCode, string Results, string Errors)> RunApartAsync(params string[] arguments)
    {
        await using var host = new HostProcess(Prepare(new Dictionary<string, string?>(StringComparer.Ordinal), arguments));
        var exitCode = await host.EndAsync();
        return (exitCode, string.Join('\n', host.results), string.Join('\n', host.errors));
    }

    /// <summary>Runs another program that lies beside the tests.</summary>
    public static Task<(int ExitCode, string Output)> RunProgramAsync(
        string program,
        TimeSpan patience,
        IReadOnlyDictionary<string, string?> settings,
        params string[] arguments
    ) => RunToEndAsync(Prepare(settings, arguments, program), patience);

    private static async Task<(int ExitCode, string Output)> RunToEndAsync(Process process, TimeSpan patience)
    {
        await using var host = new HostProcess(process);
        try
        {
            return (await host.EndAsync(patience), host.Output);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"It has not ended after {patience}:\n{host.Output}", exception);
        }
    }

    /// <summary>SIGKILL: no last word.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await EndAsync();
    }

    /// <summary>SIGTERM: what an orchestrator sends. Returns the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        await kill.WaitForExitAsync();
        return await EndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            await KillAsync();
        process.Dispose();
        Http?.Dispose();
        _ = listening.Task.Exception;
    }

    private Task<int> EndAsync() => EndAsync(Eventually.Patience);

    private async Task<int> EndAsync(TimeSpan patience)
    {
        await process.WaitForExitAsync().WaitAsync(patience);
        return process.ExitCode;
    }

    private void Hear(string? line, ConcurrentQueue<string> of)
    {
        if (line is null)
            return;
        lines.Enqueue(line);
        of.Enqueue(line);
        if (Listening().Match(line) is { Success: true } match)
            listening.TrySetResult(match.Groups["url"].Value);
    }

    private static Process Prepare(
        IReadOnlyDictionary<string, string?> settings,
        IEnumerable<string> arguments,
        string program = "TrackAi.Host"
    )
    {
        var start = new ProcessStartInfo(Dotnet())
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, $"{program}.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (key, value) in settings)
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        return new Process { StartInfo = start };
    }

    // The one that runs the tests: .../shared/Microsoft.NETCore.App/10.0.0/.
    private static string Dotnet() => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../..", "dotnet"));

    [GeneratedRegex("Now listening on: (?<url>http://[0-9.:]+)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex Listening();
}
