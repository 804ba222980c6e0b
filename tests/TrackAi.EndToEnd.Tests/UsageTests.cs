namespace TrackAi.EndToEnd.Tests;

/// <summary>stdout is for results: what is wrong with what was typed is on stderr.</summary>
public sealed class UsageTests
{
    [Theory]
    [InlineData("tenants add", "Required argument missing for command: 'add'.")]
    [InlineData("tenants list --nonsense", "Unrecognized command or argument '--nonsense'.")]
    [InlineData("nonsense", "'nonsense'")]
    public async Task A_mistake_and_the_help_for_it_are_told_on_stderr(string typed, string told)
    {
        var (exitCode, results, errors) = await HostProcess.RunApartAsync(typed.Split(' '));

        exitCode.ShouldBe(1);
        results.ShouldBeEmpty();
        errors.ShouldContain(told);
        errors.ShouldContain("Usage:");
    }

    [Fact]
    public async Task Help_that_was_asked_for_is_a_result()
    {
        var (exitCode, results, errors) = await HostProcess.RunApartAsync("tenants", "--help");

        exitCode.ShouldBe(0);
        results.ShouldContain("Usage:");
        errors.ShouldBeEmpty();
    }
}
