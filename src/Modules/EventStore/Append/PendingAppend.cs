namespace TrackAi.EventStore.Appending;

/// <summary>An append made ready for the statement: serialised and checked by its caller's thread.</summary>
internal sealed class PendingAppend
{
    private long firstFailure;
    private readonly TaskCompletionSource<AppendResult> completion = new();

    private PendingAppend(Append append, IReadOnlyList<PreparedEvent> events, int bytes)
    {
        Append = append;
        Events = events;
        Bytes = bytes;
    }

    public Append Append { get; }

    public IReadOnlyList<PreparedEvent> Events { get; }

    public int Bytes { get; }

    public Task<AppendResult> Completion => completion.Task;

    /// <summary>Whether doing it twice is noticed: a version or a key guards it.</summary>
    public bool IsGuarded => Append.ExpectedVersion is not null || Append.UniqueKeys.Count > 0;

    public bool WasRetried => Retries > 0;

    public int Retries { get; private set; }

    /// <summary>Counts a failed attempt; false once the time for more is over.</summary>
    public bool MayRetry(TimeProvider time, TimeSpan within)
    {
        if (Retries++ == 0)
            firstFailure = time.GetTimestamp();
        return time.GetElapsedTime(firstFailure) < within;
    }

    public static PendingAppend Prepare(Append append, EventSerializer serializer, EventStoreOptions options, TimeProvider time)
    {
        if (append.Events.Count == 0)
            throw new InvalidAppendException($"The append to {append.Stream} has no events.");
        if (append.Stream.Id is not { Length: > 0 } || append.Stream.TenantId is not { Length: > 0 })
            throw new InvalidAppendException("An append needs a tenant and a stream id.");

        var events = new PreparedEvent[append.Events.Count];
        var bytes = 0;
        for (var index = 0; index < events.Length; index++)
        {
            events[index] = PreparedEvent.Of(append.Stream, append.Events[index], serializer, options, time);
            bytes += events[index].Json.Length;
        }

        // A key given twice is one key: the table would take the second for somebody else's.
        return new PendingAppend(append with { UniqueKeys = [.. append.UniqueKeys.Distinct(StringComparer.Ordinal)] }, events, bytes);
    }

    /// <summary>Tells the caller. A lone one goes on in this very thread, which has nothing else to do: a hand-over costs as much as the insert.</summary>
    public void Complete(AppendResult result, bool alone)
    {
        if (alone)
            completion.TrySetResult(result);
        else
            ThreadPool.UnsafeQueueUserWorkItem(
                static told => told.Append.completion.TrySetResult(told.Result),
                (Append: this, Result: result),
                preferLocal: false
            );
    }

    public void Fail(Exception exception) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static told => told.Append.completion.TrySetException(told.Exception),
            (Append: this, Exception: exception),
            preferLocal: false
        );
}

/// <summary>An event serialised, with an id of its own.</summary>
internal readonly record struct PreparedEvent(Guid Id, EventName Name, byte[] Json)
{
    public static PreparedEvent Of(StreamId stream, object data, EventSerializer serializer, EventStoreOptions options, TimeProvider time)
    {
        var name = serializer.NameOf(data.GetType());
        var json = serializer.Serialize(data);
        return json.Length <= options.MaxEventBytes
            ? new PreparedEvent(Guid.CreateVersion7(time.GetUtcNow()), name, json)
            : throw new InvalidAppendException(
                $"The {name.Alias} for {stream} is {json.Length} bytes; the largest event is {options.MaxEventBytes} (EventStore:MaxEventBytes)."
            );
    }
}
