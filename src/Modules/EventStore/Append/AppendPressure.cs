namespace TrackAi.EventStore.Appending;

/// <summary>
/// Whether callers queue to append. Whoever reads the log then lets them go first, for a while: what a caller was not answered may be lost to it, what is
/// in the log is not, and the longer a reader waits the more it gets for one transaction.
/// </summary>
internal sealed class AppendPressure(EventStoreOptions options, TimeProvider time)
{
    // Somebody who is answered within milliseconds is never so many at once, unless hundreds come each second and wait for each other.
    private const int Many = 16;

    // A rush is to be got over, not to be put off for ever.
    private const int PagesBehind = 20;
    private static readonly TimeSpan Memory = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);

    private long pressedAt = time.GetTimestamp() - time.TimestampFrequency;

    /// <param name="underWay">Appends that wait or are being written.</param>
    public void Note(int underWay)
    {
        if (underWay >= Many)
            Volatile.Write(ref pressedAt, time.GetTimestamp());
    }

    /// <summary>Waits until callers queue no more, or as long as a reader may be kept waiting; not at all where much lies before it already.</summary>
    /// <param name="behind">Positions of the log that the reader has not come to.</param>
    public async Task LetCallersGoFirstAsync(long behind, CancellationToken cancellationToken)
    {
        if (behind > (long)PagesBehind * options.PageSize)
            return;
        var since = time.GetTimestamp();
        while (time.GetElapsedTime(Volatile.Read(ref pressedAt)) < Memory && time.GetElapsedTime(since) < options.LongestYield)
            await Task.Delay(Look, time, cancellationToken);
    }
}
