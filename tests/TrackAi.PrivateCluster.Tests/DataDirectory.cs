namespace TrackAi.PrivateCluster.Tests;

/// <summary>A data directory of its own, removed with what was made for it.</summary>
sealed class DataDirectory : IDisposable
{
    readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("trackai-");

    public string Path => _directory.FullName;
    public string Home => System.IO.Path.Combine(Path, "postgres");
    public string Data => System.IO.Path.Combine(Home, "data");

    /// <summary>Without flushing to disk: these tests end processes, never the machine.</summary>
    public PrivateClusterOptions Options =>
        new()
        {
            DataDirectory = Path,
            MaxConnections = 20,
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["fsync"] = "off", ["shared_buffers"] = "16MB" },
        };

    public void Dispose() => _directory.Delete(recursive: true);
}
