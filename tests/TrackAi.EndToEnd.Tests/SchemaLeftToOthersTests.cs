using TrackAi.Privacy;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>With <c>Database:AutoApply</c> off, somebody runs <c>db apply</c>: until then, and over a newer schema, nothing runs.</summary>
public sealed class SchemaLeftToOthersTests : IAsyncLifetime
{
    private readonly TestDatabase database = new();

    public static TheoryData<string> Verbs =>
        [
            "serve",
            "tenants add late",
            "projections rebuild --all",
            "projections pause ConversionStatus",
            "replay tenant-x --tenant x",
            "keys rotate",
            "verify",
        ];

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task A_schema_that_lacks_scripts_or_is_newer_is_refused_in_one_line(string verb)
    {
        (await RunAsync(verb)).ShouldMatch("^trackai: The database lacks [0-9]+ of this version's scripts .*: run 'db apply'[.]$");

        await RunAsync("db apply", exitCode: 0);
        await database.ExecuteAsync("insert into schema_version values ('event_store', '0099_future.sql', 'abc', now())");

        (await RunAsync(verb)).ShouldMatch("^trackai: The database was upgraded by a newer TrackAi .script event_store/0099_future.sql.*$");
        (await database.ScalarAsync<long>("select count(*) from mt_events")).ShouldBe(0);
    }

    private async Task<string> RunAsync(string verb, int exitCode = 1)
    {
        var (ended, output) = await HostProcess.RunAsync(
            new Dictionary<string, string?>
            {
                ["ConnectionStrings:TrackAi"] = database.ConnectionString,
                ["Secrets:MasterKey"] = PrivacyOptions.NewMasterKey(),
                ["Database:AutoApply"] = "false",
                ["Urls"] = "http://127.0.0.1:0",
            },
            verb.Split(' ')
        );
        ended.ShouldBe(exitCode, output);
        return output;
    }
}
