using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>A host that does not come up.</summary>
public sealed class StartTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    [Fact]
    public async Task A_host_whose_address_is_taken_complains_of_nothing_else()
    {
        var log = new CapturedLog();
        var taken = new Dictionary<string, string?>(server.Settings, StringComparer.OrdinalIgnoreCase) { ["Urls"] = server.Host.Url };

        await Should.ThrowAsync<IOException>(TrackAiHost.StartAsync(taken, log: log));

        log.Text.ShouldNotContain(nameof(OperationCanceledException));
        log.Text.ShouldNotContain(nameof(TaskCanceledException));
    }
}
