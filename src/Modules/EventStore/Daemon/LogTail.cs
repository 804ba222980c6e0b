using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore.Running;

/// <summary>
/// The end of the log in memory, read once for all shards. A shard that lags behind it reads its own pages, of its own types.
/// </summary>
internal sealed class LogTail(EventReader reader, EventStoreOptions options)
{
    private const int MaxEvents = 20_000;
    private const long MaxBytes = 32 * 1024 * 1024;

    private readonly SemaphoreSlim loading = new(1, 1);
    private readonly LinkedList<RecordedEvent> events = [];
    private long start = -1;
    private long end = -1;
    private long bytes;

    /// <summary>
    /// The shard's events after a position, and the position up to which they are complete.
    /// </summary>
    public async Task<EventPage> ReadAsync(long after, long mark, IReadOnlySet<string> types, CancellationToken cancellationToken)
    {
        await loading.WaitAsync(cancellationToken);
        try
        {
            // A tail starts where the first shard that is nearly there stands; so does one that stood still while another host ran the shards.
            var near = options.PageSize * 4L;
            if (mark - after <= near && (start < 0 || after - end > near))
                StartAt(after);
            if (start >= 0 && after >= start && after - end <= near)
            {
                if (after >= end && mark > end)
                    await LoadAsync(mark, cancellationToken);
                // A page of large events may be more than the tail keeps: what was dropped of it, the shard reads for itself.
                if (after >= start)
                    return Slice(after, types);
            }
        }
        finally
        {
            loading.Release();
        }

        return await reader.ReadRangeAsync(after, mark, options.PageSize, types, cancellationToken);
    }

    /// <summary>An event as the log has it now; as it was where it is gone, or archived.</summary>
    public async Task<RecordedEvent> ReadAgainAsync(RecordedEvent recorded, CancellationToken cancellationToken)
    {
        var page = await reader.ReadRangeAsync(recorded.Sequence - 1, recorded.Sequence, 1, null, cancellationToken);
        return page.Events is [var now] ? now : recorded;
    }

    private void StartAt(long position)
    {
        events.Clear();
        bytes = 0;
        start = end = position;
    }

    private async Task LoadAsync(long mark, CancellationToken cancellationToken)
    {
        var page = await reader.ReadRangeAsync(end, mark, options.PageSize, null, cancellationToken);
        foreach (var recorded in page.Events)
        {
            events.AddLast(recorded);
            bytes += recorded.Json.Length;
        }
        end = page.Ceiling;

        while (events.Count > MaxEvents || bytes > MaxBytes)
        {
            var oldest = events.First!.Value;
            bytes -= oldest.Json.Length;
            start = oldest.Sequence;
            events.RemoveFirst();
        }
    }

    private EventPage Slice(long after, IReadOnlySet<string> types)
    {
        var slice = new List<RecordedEvent>();
        for (var node = events.Last; node is not null && node.Value.Sequence > after; node = node.Previous)
            if (types.Contains(node.Value.Type))
                slice.Add(node.Value);
        slice.Reverse();
        return slice.Count <= options.PageSize
            ? new EventPage(slice, Math.Max(after, end))
            : new EventPage(slice.GetRange(0, options.PageSize), slice[options.PageSize - 1].Sequence);
    }
}
