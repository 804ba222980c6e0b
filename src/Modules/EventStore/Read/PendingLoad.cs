namespace TrackAi.EventStore.Reading;

/// <summary>One stream to be folded: its first events, which its caller folds on its own thread.</summary>
internal sealed class PendingLoad(StreamId stream)
{
    /// <summary>Events read ahead of the folding at most. What is beyond is read while it is folded, by the caller alone.</summary>
    public const int MostEvents = 100;

    private const int MostBytes = 1024 * 1024;

    private readonly List<Row> rows = [];
    private readonly TaskCompletionSource answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int bytes;

    public StreamId Stream => stream;

    public IReadOnlyList<Row> Rows => rows;

    /// <summary>Whether there is nothing beyond <see cref="Rows"/>.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Its caller waits no longer.</summary>
    public bool IsForgotten { get; private set; }

    /// <summary>Whether one more event may be kept.</summary>
    public bool HasRoom => rows.Count < MostEvents && bytes < MostBytes;

    public void Add(Row row)
    {
        rows.Add(row);
        bytes += row.Json.Length;
    }

    /// <summary>Every event of it that its statement gave was kept, or not.</summary>
    public void End(bool all) => IsWhole = all && rows.Count < MostEvents;

    public void Answer() => answered.TrySetResult();

    /// <summary>As if nothing had been read: its caller reads it alone.</summary>
    public void GiveBack()
    {
        rows.Clear();
        IsWhole = false;
        Answer();
    }

    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await answered.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            IsForgotten = true;
            throw;
        }
    }

    internal readonly record struct Row(long Sequence, string Type, byte[] Json);
}
