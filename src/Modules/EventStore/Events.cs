namespace TrackAi.EventStore;

/// <summary>A stream's identity: Marten's tenant column and its string stream id.</summary>
public readonly record struct StreamId(string TenantId, string Id)
{
    public override string ToString() => $"{TenantId}/{Id}";
}

/// <summary>
/// What to append to one stream. All or nothing; refused for itself alone, whatever else is committed with it.
/// </summary>
/// <param name="Stream">Where to.</param>
/// <param name="Events">One or more events of registered types, 1 MiB of JSON each at most.</param>
public sealed record Append(StreamId Stream, IReadOnlyList<object> Events)
{
    /// <summary>The stream's version before the append: 0 for a stream that must not exist (Marten's StartStream), null for "any".</summary>
    public long? ExpectedVersion { get; init; }

    /// <summary>Keys that may be used once in the tenant. One that is taken makes the whole append a duplicate.</summary>
    public IReadOnlyList<string> UniqueKeys { get; init; } = [];

    /// <summary>Rows of registered side-effect tables, written in the same transaction when the append is accepted.</summary>
    public IReadOnlyList<object> SideEffects { get; init; } = [];

    /// <summary>
    /// In a session: left out, with its side effects, where the stream is archived, instead of refusing the whole commit. For what happened anyway and is to be
    /// finished, whoever archived the stream meanwhile.
    /// </summary>
    public bool UnlessArchived { get; init; }

    /// <summary>Marten's stream type (an aggregate's alias); null for none.</summary>
    public string? StreamType { get; init; }

    public string? CorrelationId { get; init; }

    public string? CausationId { get; init; }
}

/// <summary>What became of an append.</summary>
public abstract record AppendResult
{
    private AppendResult() { }

    /// <param name="Version">The stream's version after the append.</param>
    /// <param name="Sequence">The first event's position in the log.</param>
    public sealed record Appended(long Version, long Sequence) : AppendResult;

    /// <summary>One of the unique keys was used before, by the event that starts at <paramref name="Version"/> of <paramref name="Stream"/>.</summary>
    public sealed record Duplicate(string Key, StreamId Stream, long Version) : AppendResult;

    /// <summary>The stream is at <paramref name="ActualVersion"/> (0: it does not exist).</summary>
    public sealed record WrongExpectedVersion(long ExpectedVersion, long ActualVersion) : AppendResult;

    /// <summary>The stream was archived; nothing may be added to it.</summary>
    public sealed record Archived : AppendResult;
}

/// <summary>An event as it stands in the log.</summary>
public sealed class RecordedEvent(
    EventSerializer serializer,
    long sequence,
    Guid id,
    StreamId stream,
    long version,
    string type,
    byte[] json,
    DateTimeOffset timestamp,
    string? correlationId,
    string? causationId,
    bool isArchived = false
)
{
    private object? data;

    /// <summary>Position in the log (Marten's <c>seq_id</c>).</summary>
    public long Sequence { get; } = sequence;
    public Guid Id { get; } = id;
    public StreamId Stream { get; } = stream;
    public string TenantId => Stream.TenantId;
    public long Version { get; } = version;

    /// <summary>Marten's alias, such as <c>conversion_received</c>.</summary>
    public string Type { get; } = type;
    public DateTimeOffset Timestamp { get; } = timestamp;
    public string? CorrelationId { get; } = correlationId;
    public string? CausationId { get; } = causationId;

    /// <summary>Its stream was closed by Marten's <c>mt_archive_stream</c>: the log is read without it, and nothing may be added.</summary>
    public bool IsArchived { get; } = isArchived;

    /// <summary>The JSON as stored.</summary>
    public ReadOnlyMemory<byte> Json => json;

    /// <summary>
    /// The event itself; an <c>UnknownEvent</c> when its type is none of this program's. Throws <see cref="UnreadableEventException"/> when its JSON does not fit.
    /// </summary>
    public object Data => data ??= serializer.Deserialize(Sequence, Type, json);

    /// <summary>Why <see cref="Data"/> throws; null where it does not. For whoever shows or counts what there is, and decides nothing by it.</summary>
    public string? WhyUnreadable
    {
        get
        {
            try
            {
                _ = Data;
                return null;
            }
            catch (UnreadableEventException exception)
            {
                return exception.Message;
            }
        }
    }
}

/// <summary>An event that another program appended to the log, such as one of Marten's. It decides nothing here, and its neighbours are read as ever.</summary>
/// <param name="Type">Its alias.</param>
internal sealed record UnknownEvent(string Type);
