using System.CommandLine;

namespace TrackAi.Benchmarks;

/// <summary>Options that several measurements share.</summary>
internal static class Options
{
    public static Option<double> Seconds() =>
        new("--seconds") { Description = "How long each measurement takes.", DefaultValueFactory = _ => 5 };

    public static Option<int[]> Workers(params int[] usual) =>
        new("--workers")
        {
            Description = "Numbers of workers.",
            DefaultValueFactory = _ => usual,
            AllowMultipleArgumentsPerToken = true,
        };

    public static Option<long> Events(long usual) =>
        new("--events")
        {
            Description = "Events in the log; it is generated first where it is not there.",
            DefaultValueFactory = _ => usual,
        };

    public static Option<int> Days() =>
        new("--days")
        {
            Description = "Over which the past is spread: the more, the more figures a day there are to write.",
            DefaultValueFactory = _ => History.UsualDays,
        };
}
