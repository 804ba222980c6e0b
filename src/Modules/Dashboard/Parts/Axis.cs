namespace TrackAi.Dashboard.Parts;

/// <summary>What a chart's axis of counts is divided by.</summary>
internal static class Axis
{
    private const long Few = 5;

    /// <summary>There is no half a sale: of few, each is a step. Null leaves it to the chart.</summary>
    public static object? StepOf(IEnumerable<long> counts) => counts.DefaultIfEmpty().Max() <= Few ? 1d : null;
}
