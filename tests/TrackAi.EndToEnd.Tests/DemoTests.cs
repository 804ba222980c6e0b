namespace TrackAi.EndToEnd.Tests;

/// <summary>What a newcomer runs first: <c>./trackai demo</c>, with everything of its own.</summary>
public sealed class DemoTests : IAsyncDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("trackai-");

    [Fact]
    public async Task Everything_that_the_demo_expects_arrives_at_Meta()
    {
        var (code, output) = await HostProcess.RunProgramAsync(
            "TrackAi.Demo",
            TimeSpan.FromMinutes(8),
            new Dictionary<string, string?>(StringComparer.Ordinal) { ["Urls"] = "http://127.0.0.1:0" },
            "demo",
            "--exit",
            "--data",
            directory.FullName
        );

        code.ShouldBe(0, output);
        output.ShouldContain("demo: everything expected arrived at Meta, once");
    }

    public async ValueTask DisposeAsync()
    {
        // A demo that had to be killed could not stop its server.
        if (File.Exists(Path.Combine(directory.FullName, "postgres", "data", "postmaster.pid")))
            await using (await PrivateCluster.PrivateCluster.StartOrAttachAsync(new() { DataDirectory = directory.FullName })) { }
        directory.Delete(recursive: true);
    }
}
