using System.Diagnostics;
using System.Globalization;
using TrackAi.EventStore;
using TrackAi.PrivateCluster;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A database on a Postgres of its own, set up as the product sets it up, which a test kills and starts again.</summary>
internal sealed class MortalDatabase : TestDatabase
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("trackai-");
    private readonly Stack<PrivateCluster.PrivateCluster> clusters = new();
    private Wire? wire;

    public override async ValueTask InitializeAsync()
    {
        await StartServerAsync();
        DataSource = EventStoreModule.CreateDataSource(ConnectionString);
    }

    /// <summary>
    /// SIGKILL to the postmaster: nothing is flushed, no session is ended in order. It would come back by itself; nobody reaches it until
    /// <see cref="StartServerAsync"/>.
    /// </summary>
    public async Task KillServerAsync()
    {
        var postmaster = await File.ReadAllLinesAsync(Path.Combine(clusters.Peek().ServerDirectory, "postmaster.pid"));
        using var process = Process.GetProcessById(int.Parse(postmaster[0], CultureInfo.InvariantCulture));
        process.Kill();
        await process.WaitForExitAsync();
        wire!.Cut();
    }

    /// <summary>Starts it over the same files; under the same address for whoever is connected through <see cref="TestDatabase.ConnectionString"/>.</summary>
    public async Task StartServerAsync()
    {
        clusters.Push(
            await PrivateCluster.PrivateCluster.StartOrAttachAsync(new PrivateClusterOptions { DataDirectory = directory.FullName })
        );
        // Its port may have been taken by somebody else meanwhile.
        wire ??= new Wire(clusters.Peek().ConnectionString);
        wire.LeadTo(clusters.Peek().ConnectionString);
        wire.Mend();
        ConnectionString = wire.ConnectionString;
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (wire is not null)
            await wire.DisposeAsync();
        foreach (var cluster in clusters)
            await cluster.DisposeAsync();
        directory.Delete(recursive: true);
    }
}
