using System.Diagnostics;

namespace TrackAi.PrivateCluster;

/// <summary>What a command said and how it ended.</summary>
readonly record struct CommandResult(int ExitCode, string Output, string Error)
{
    public bool Succeeded => ExitCode == 0;
    public string Said => string.Join(Environment.NewLine, new[] { Error.Trim(), Output.Trim() }.Where(text => text.Length > 0));
}

/// <summary>Runs a short command to its end.</summary>
static class Command
{
    /// <summary>The rest of the environment stays here: a server must not inherit the host's secrets, nor a caller's PG* variables.</summary>
    static readonly string[] Inherited = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"];

    public static async Task<CommandResult> RunAsync(string directory, IEnumerable<string> words, CancellationToken cancellationToken)
    {
        var all = words.ToArray();
        var start = new ProcessStartInfo(all[0], all[1..])
        {
            WorkingDirectory = directory,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var kept = Inherited
            .Where(start.Environment.ContainsKey)
            .ToDictionary(name => name, name => start.Environment[name], StringComparer.Ordinal);
        start.Environment.Clear();
        foreach (var (name, value) in kept)
            start.Environment[name] = value;
        start.Environment["LC_ALL"] = "C";
        start.Environment["HOME"] = directory;

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{all[0]} did not start.");
        try
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var error = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return new CommandResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    public static async Task<bool> SucceedsAsync(string directory, IEnumerable<string> words, CancellationToken cancellationToken) =>
        (await RunAsync(directory, words, cancellationToken)).Succeeded;

    public static string? OnPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Concat(["/usr/sbin", "/usr/bin", "/sbin", "/bin"])
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);
}
