using System.CommandLine;

namespace TrackAi.Host.CommandLine;

/// <summary><c>--from</c> and <c>--to</c>: a part of the log, both ends included.</summary>
internal static class LogPositions
{
    public static readonly Option<long?> From = new("--from") { Description = "First position of the log." };
    public static readonly Option<long?> To = new("--to") { Description = "Last position of the log; to its end where left out." };

    /// <summary>The position after which the part begins.</summary>
    public static long After(ParseResult parsed) => Math.Max(1, parsed.GetValue(From) ?? 1) - 1;

    public static void Check(ParseResult parsed)
    {
        if (parsed.GetValue(From) is { } from && parsed.GetValue(To) is { } to && from > to)
            throw new CommandFailedException($"--from {from} is above --to {to}: nothing lies between them.");
    }
}
