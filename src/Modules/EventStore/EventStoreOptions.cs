namespace TrackAi.EventStore;

/// <summary>Settings of the event store, section <c>EventStore</c>.</summary>
public sealed class EventStoreOptions
{
    /// <summary>Largest event, in bytes of JSON.</summary>
    public int MaxEventBytes { get; set; } = 1024 * 1024;

    /// <summary>Appends that may wait for a batch before callers are held back.</summary>
    public int MaxWaitingAppends { get; set; } = 10_000;

    /// <summary>How long an append may take, waiting included, before its caller is told that the store is unavailable.</summary>
    public TimeSpan AppendTimeout { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>How long an append whose connection broke is tried again, if a version or a key guards it against being done twice.</summary>
    public TimeSpan RetryTime { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Batches in flight at once while all goes well: one executes while another waits for the disk.</summary>
    public int Writers { get; set; } = 2;

    /// <summary>Batches in flight at most, when earlier ones are held up.</summary>
    public int MaxWriters { get; set; } = 8;

    /// <summary>Appends in one batch at most.</summary>
    public int MaxBatch { get; set; } = 500;

    /// <summary>Events that a projection or subscription is given at once at most.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>How old events may get that a projection or subscription leaves unread while callers queue to append. Zero: it never waits for them.</summary>
    public TimeSpan LongestYield { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a host owns a shard without renewing. With <see cref="LeaseRenewal"/> on top, the longest a dead host's shards stand still.</summary>
    public TimeSpan LeaseTime { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How often leases are renewed and free ones sought.</summary>
    public TimeSpan LeaseRenewal { get; set; } = TimeSpan.FromSeconds(1.25);

    /// <summary>How often the log is looked at when nobody called.</summary>
    public TimeSpan PollingTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether this process runs projections and subscriptions.</summary>
    public bool RunDaemon { get; set; } = true;
}
