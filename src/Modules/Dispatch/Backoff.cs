namespace TrackAi.Dispatch;

/// <summary>
/// Exponential back-off with full jitter, so that what failed together does not come back together.
/// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter
/// </summary>
/// <param name="First">The longest wait after the first attempt; it doubles with each further one.</param>
internal sealed record Backoff(TimeSpan First, TimeSpan Most)
{
    /// <param name="attempt">The attempt that has just failed, from 1.</param>
    /// <param name="sample">A random number, at least 0 and less than 1.</param>
    /// <param name="atLeast">What Meta asked for; the jitter comes on top of it.</param>
    public TimeSpan Delay(int attempt, double sample, TimeSpan? atLeast = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempt, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(sample);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sample, 1);
        // 2^40 times any sensible first wait is beyond any sensible limit, and still a number.
        var longest = Math.Min(Most.TotalMilliseconds, First.TotalMilliseconds * Math.Pow(2, Math.Min(attempt - 1, 40)));
        return (atLeast ?? TimeSpan.Zero) + TimeSpan.FromMilliseconds(longest * sample);
    }
}
