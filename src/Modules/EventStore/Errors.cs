namespace TrackAi.EventStore;

/// <summary>The event store could not make an append durable. Nothing was acknowledged; the append is safe to repeat when it is guarded by a version or a key.</summary>
public sealed class EventStoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>An append that no retry can mend: too large, of an unregistered type.</summary>
public sealed class InvalidAppendException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The stream was archived: nothing may be added to it.</summary>
public sealed class ArchivedStreamException(StreamId stream) : Exception($"Stream {stream} is archived.")
{
    public StreamId Stream { get; } = stream;
}

/// <summary>A session's append met a stream at another version than it expected, or a key that is taken.</summary>
public sealed class AppendRefusedException(Append append, AppendResult result)
    : Exception($"The append to {append.Stream} was refused: {result}.")
{
    public Append Append { get; } = append;
    public AppendResult Result { get; } = result;
}

/// <summary>An event in the log that this program cannot read.</summary>
public sealed class UnreadableEventException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Its position in the log, where that is known.</summary>
    public long? Sequence { get; init; }
}

/// <summary>A projection could not be rebuilt; its live read model is as it was.</summary>
public sealed class RebuildFailedException(string message, Exception inner) : Exception(message, inner)
{
    /// <summary>One of the events up to this position is to blame; null where it is known which.</summary>
    internal long? UpTo { get; init; }
}

/// <summary>The database's schema is newer than this program, or was changed after it was applied.</summary>
public sealed class SchemaException(string message) : Exception(message);

/// <summary>Another host took the shard over, or its progress moved under us: what was done is rolled back.</summary>
internal sealed class ShardLostException(string shard)
    : Exception($"Shard {shard} is no longer ours: its lease or its progress moved. Nothing was written.");
