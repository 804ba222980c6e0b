using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace TrackAi.Host.CommandLine;

/// <summary>A verb that does something. Each prints for people and, with <c>--json</c>, for programs, and shows in its help how it is called.</summary>
internal sealed class Verb : Command
{
    /// <param name="examples">What is typed after the program's name.</param>
    public Verb(string name, string description, params string[] examples)
        : base(name, description)
    {
        Examples = examples;
        Options.Add(Session.Json);
    }

    public IReadOnlyList<string> Examples { get; }

    /// <summary>The verbs at and below a command.</summary>
    public static IEnumerable<Verb> In(Command command) =>
        command is Verb verb ? [verb] : command.Subcommands.Where(below => !below.Hidden).SelectMany(In);
}

/// <summary>Help as it is everywhere, then how the verb is called and what its exit code says.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        var code = help.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        var command = parseResult.CommandResult.Command;
        string[] examples = command is Verb verb
            ? [.. verb.Examples]
            : [.. command.Subcommands.Select(below => Verb.In(below).First().Examples[0])];
        output.WriteLine("Examples:");
        foreach (var example in examples)
            output.WriteLine($"  {TrackAiCommandLine.Name} {example}");
        output.WriteLine();
        output.WriteLine("Exit codes:");
        foreach (var (exit, meaning) in ExitCode.Meanings)
            output.WriteLine($"  {exit, -4} {meaning}");
        return code;
    }
}

/// <summary>What a verb ends with.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Refused = 1;

    /// <summary>EX_SOFTWARE of sysexits.h.</summary>
    public const int Fault = 70;
    public const int Interrupted = 130;

    public static readonly IReadOnlyList<(int Code, string Meaning)> Meanings =
    [
        (Done, "what was asked was done, and nothing was found wrong"),
        (Refused, "it was refused, it failed, or a check found something wrong; stderr says what"),
        (Fault, "a fault of TrackAi's own, with its stack trace on stderr"),
        (Interrupted, "interrupted"),
    ];
}
