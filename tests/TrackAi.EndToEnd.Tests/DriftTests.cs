using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Somebody changed a table by hand.</summary>
public sealed class DriftTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_table_that_was_changed_by_hand_is_named_by_db_assert_to_which_check_env_leads()
    {
        await server.Database.ExecuteAsync("alter table mt_streams add column note text");

        var (checkedCode, checks) = await HostProcess.RunAsync(server.Settings, "check-env");
        var (assertedCode, differences) = await HostProcess.RunAsync(server.Settings, "db", "assert");

        (checkedCode, assertedCode).ShouldBe((1, 1));
        checks.ShouldContain("1 differences: 'db assert' lists them");
        differences.ShouldContain("mt_streams.note");
        differences.ShouldNotContain("db apply");
    }
}
