using System.CommandLine;
using TrackAi.Host.CommandLine;

namespace TrackAi.Architecture.Tests;

/// <summary>Every verb there is, found in the tree of commands: it prints JSON, shows how it is called, and stands in the operators' guide.</summary>
public sealed class CommandLineTests
{
    public static TheoryData<string> Verbs => [.. Leaves(TrackAiCommandLine.Create(), "").Select(leaf => leaf.Path)];

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_verb_takes_json(string verb) => Find(verb).Options.ShouldContain(option => option.Name == "--json");

    [Theory]
    [MemberData(nameof(Verbs))]
    public void The_help_of_every_verb_has_an_example_that_can_be_typed(string verb)
    {
        var help = HelpOf(verb);

        help.ShouldContain($"Usage:\n  trackai {verb}");
        help.ShouldNotContain("TrackAi.Host");
        var examples = help[help.IndexOf("Examples:", StringComparison.Ordinal)..help.IndexOf("Exit codes:", StringComparison.Ordinal)]
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Skip(1)
            .Select(line => line.Trim())
            .ToArray();
        examples.ShouldNotBeEmpty();
        foreach (var example in examples)
        {
            example.ShouldStartWith($"trackai {verb}");
            // What a shell would redirect is not the program's.
            var typed = example["trackai ".Length..].Split(" > ")[0].Replace('\'', '"');
            var parsed = TrackAiCommandLine.Create().Parse(typed);
            parsed.Errors.Select(error => error.Message).ShouldBeEmpty(example);
            PathOf(parsed.CommandResult.Command).ShouldBe(verb);
        }
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_verb_stands_in_the_operators_guide_with_an_example(string verb) =>
        Repository.Read("docs/operators.md").ShouldContain($"./trackai {verb}");

    [Theory]
    [InlineData("")]
    [InlineData("dlq")]
    [InlineData("projections")]
    public void The_help_of_a_group_has_an_example_of_its_verbs_and_the_exit_codes(string group)
    {
        var help = HelpOf(group);

        help.ShouldContain($"Examples:\n  trackai {group}".TrimEnd());
        foreach (var (code, meaning) in ExitCode.Meanings)
            help.ShouldContain($"{code, -4} {meaning}");
    }

    [Theory]
    [InlineData("smoke --secret s --api-key k")]
    [InlineData("probe funnel")]
    [InlineData("onboard loja --gateway hotmart")]
    public void An_address_that_is_none_is_refused_in_words(string verb)
    {
        foreach (var address in (string[])["track.example", "notaurl", "ftp://track.example", "/", "http://"])
            TrackAiCommandLine
                .Create()
                .Parse($"{verb} --url {address}")
                .Errors.ShouldHaveSingleItem()
                .Message.ShouldContain($"'{address}' is no address for --url");
        TrackAiCommandLine.Create().Parse($"{verb} --url https://track.example").Errors.ShouldBeEmpty();
    }

    private static string HelpOf(string verb)
    {
        using var output = new StringWriter();
        TrackAiCommandLine.Create().Parse($"{verb} --help").Invoke(new InvocationConfiguration { Output = output }).ShouldBe(0);
        return output.ToString().ReplaceLineEndings("\n");
    }

    private static Command Find(string verb) => Leaves(TrackAiCommandLine.Create(), "").Single(leaf => leaf.Path == verb).Command;

    private static IEnumerable<(string Path, Command Command)> Leaves(Command command, string path) =>
        command.Subcommands.Count == 0
            ? [(path, command)]
            : command.Subcommands.SelectMany(below => Leaves(below, $"{path} {below.Name}".Trim()));

    private static string PathOf(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } above ? $"{PathOf(above)} {command.Name}".Trim() : "";
}
