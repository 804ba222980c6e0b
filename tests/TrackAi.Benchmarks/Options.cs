using System.CommandLine;

namespace TrackAi.Benchmarks;

/// <summary>Options that several measurements share.</summary>
internal static class Options
{
    public static Option<double> Seconds() =>
        new("--seconds") { Description = "How long each measurement takes.", DefaultValueFactory = _ => 5 };
}
