namespace TrackAi.EventStore.Appending;

/// <summary>
/// Whether callers have queued to append for a while. Whoever reads the log then lets them go first: what a caller was not answered may be lost to it,
/// what is in the log is not, and the longer a reader waits the more it gets for one transaction.
/// </summary>
internal sealed class AppendPressure(EventStoreOptions options, TimeProvider time)
{
    // Somebody who is answered within milliseconds is never so many at once, unless hundreds come each second and wait for each other.
    private const int Many = 16;

    // A hitch of the disk makes a short queue: nobody's sale is to be late at Meta for it.
    private static readonly TimeSpan Rush = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Memory = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);

    private long since = time.GetTimestamp();
    private long last = time.GetTimestamp() - time.TimestampFrequency;

    /// <summary>Not by two at a time.</summary>
    /// <param name="underWay">Appends that wait or are being written.</param>
    public void Note(int underWay)
    {
        if (underWay < Many)
            return;
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(last, now) > 2 * Memory)
            Volatile.Write(ref since, now);
        Volatile.Write(ref last, now);
    }

    /// <summary>Waits until callers queue no more; not at all where what lies before the reader has waited as long as it may.</summary>
    /// <param name="caughtUpAt">When the reader had everything there was: a rush is to be got over, not to be put off for ever.</param>
    public async Task LetCallersGoFirstAsync(long caughtUpAt, CancellationToken cancellationToken)
    {
        while (IsRush && time.GetElapsedTime(caughtUpAt) < options.LongestYield)
            await Task.Delay(Look, time, cancellationToken);
    }

    private bool IsRush =>
        time.GetElapsedTime(Volatile.Read(ref last)) < Memory
        && time.GetElapsedTime(Volatile.Read(ref since), Volatile.Read(ref last)) >= Rush;
}
