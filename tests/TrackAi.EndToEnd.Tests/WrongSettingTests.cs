using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A setting that cannot be used is the operator's to mend: one line that names it, before anything runs.</summary>
public sealed class WrongSettingTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Theory]
    [InlineData("Urls", "abc", "Urls: 'abc' is no address to listen at. Give addresses such as http://0.0.0.0:3001")]
    [InlineData("Urls", "http://nonsense:99999", "Urls: 'http://nonsense:99999' has no port between 0 and 65535.")]
    [InlineData("Urls", "ftp://127.0.0.1:0", "Urls: 'ftp://127.0.0.1:0' begins with neither http:// nor https://.")]
    [InlineData("ConnectionStrings:TrackAi", "garbage=1", "ConnectionStrings:TrackAi is no connection string: Couldn't set garbage")]
    [InlineData("ConnectionStrings:TrackAi", "Database=trackai", "ConnectionStrings:TrackAi is no connection string: it names no Host.")]
    [InlineData("EventStore:LeaseTime", "abc", "Failed to convert configuration value 'abc' at 'EventStore:LeaseTime'")]
    [InlineData("EventStore:MaxWaitingAppends", "0", "EventStore:MaxWaitingAppends is 0; it must be at least 1.")]
    [InlineData("Database:AutoApply", "abc", "Failed to convert configuration value 'abc' at 'Database:AutoApply'")]
    [InlineData("Dispatch:PollingTime", "-00:00:01", "Dispatch:PollingTime: must be more than nothing")]
    [InlineData("Limits:WebhookBodyBytes", "abc", "Failed to convert configuration value 'abc' at 'Limits:WebhookBodyBytes'")]
    public async Task It_is_refused_in_one_line_that_names_it(string setting, string value, string line)
    {
        var settings = new Dictionary<string, string?>(server.Settings) { [setting] = value };

        var (exitCode, output) = await HostProcess.RunAsync(settings, "serve");

        exitCode.ShouldBe(1, output);
        output.ShouldStartWith($"trackai: {line}");
        output.ShouldNotContain('\n');
    }

    [Fact]
    public async Task An_address_that_is_not_this_machines_is_no_fault_of_the_programs()
    {
        // Documentation's own network: RFC 5737.
        var settings = new Dictionary<string, string?>(server.Settings) { ["Urls"] = "http://203.0.113.9:3001" };

        var (exitCode, output) = await HostProcess.RunAsync(settings, "serve");

        exitCode.ShouldBe(1, output);
        output.ShouldContain("trackai: Urls: Cannot assign requested address. This program cannot listen there; choose another address.");
    }

    [Theory]
    [InlineData("EventStore:MaxBatch", "0")]
    [InlineData("Matching:WindowDays", "0")]
    public async Task Verbs_and_check_env_refuse_it_too(string setting, string value)
    {
        var settings = new Dictionary<string, string?>(server.Settings) { [setting] = value };

        var (ofVerb, said) = await HostProcess.RunAsync(settings, "tenants", "list");
        var (ofCheck, found) = await HostProcess.RunAsync(settings, "check-env");

        (ofVerb, ofCheck).ShouldBe((1, 1));
        said.ShouldStartWith($"trackai: {setting} ");
        found.ShouldContain(setting);
    }
}
