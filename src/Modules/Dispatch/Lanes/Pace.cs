namespace TrackAi.Dispatch.Lanes;

/// <summary>How long a pixel is left alone after an answer of Meta's. Pure.</summary>
internal static class Pace
{
    /// <summary>Meta refuses at 100 %; from here on we go slower.</summary>
    public const double CarefulFrom = 75;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <param name="streak">Answers in a row that asked for a pause, this one included.</param>
    /// <param name="sample">A random number, at least 0 and less than 1.</param>
    /// <returns>Null when there is no reason to wait.</returns>
    public static TimeSpan? After(MetaAnswer answer, int streak, Backoff backoff, double sample) =>
        answer switch
        {
            MetaAnswer.Refused { Class: ErrorClass.Throttled } refused => backoff.Delay(Math.Max(streak, 1), sample, refused.RetryAfter),
            MetaAnswer.Accepted { Usage: { Percent: >= CarefulFrom } usage } => usage.RegainAccess > TimeSpan.Zero
                ? usage.RegainAccess
                : Longest * Math.Min(1, (usage.Percent - CarefulFrom) / (100 - CarefulFrom)),
            _ => null,
        };
}
