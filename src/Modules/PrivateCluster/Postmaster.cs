using System.Globalization;

namespace TrackAi.PrivateCluster;

/// <summary>What <c>postmaster.pid</c> says of the server: https://www.postgresql.org/docs/current/storage-file-layout.html</summary>
sealed record Postmaster(int ProcessId, int Port)
{
    const int ProcessLine = 0;
    const int PortLine = 3;

    public static string FileOf(string data) => Path.Combine(data, "postmaster.pid");

    public static Postmaster? Read(string data)
    {
        try
        {
            var lines = File.ReadAllLines(FileOf(data));
            return
                lines.Length > PortLine
                && int.TryParse(lines[ProcessLine], CultureInfo.InvariantCulture, out var process)
                && int.TryParse(lines[PortLine], CultureInfo.InvariantCulture, out var port)
                ? new Postmaster(process, port)
                : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The number may be another process's by now: a server's working directory is its data directory, and nobody else's is.</summary>
    public async Task<bool> RunsAsync(string data, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsLinux())
            return string.Equals(WorkingDirectory(), RealPath.Of(data), StringComparison.Ordinal);
        string[] command = ["ps", "-o", "comm=", "-p", ProcessId.ToString(CultureInfo.InvariantCulture)];
        return (await Command.RunAsync("/", command, cancellationToken)).Output.Contains("postgres", StringComparison.Ordinal);
    }

    string? WorkingDirectory()
    {
        try
        {
            return new FileInfo($"/proc/{ProcessId}/cwd").LinkTarget;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // Of another user, or gone while we looked: not our server either way.
            return null;
        }
    }
}
