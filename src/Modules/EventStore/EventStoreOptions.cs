using Microsoft.Extensions.Options;

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

/// <summary>Refuses to start with values that would stop the log, or make two hosts believe that a shard is theirs.</summary>
internal sealed class ValidateEventStoreOptions : IValidateOptions<EventStoreOptions>
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, EventStoreOptions options)
    {
        string[] failures =
        [
            .. Positive(nameof(options.MaxEventBytes), options.MaxEventBytes),
            .. Positive(nameof(options.MaxWaitingAppends), options.MaxWaitingAppends),
            .. Positive(nameof(options.Writers), options.Writers),
            .. Unless(
                options.MaxWriters >= options.Writers,
                nameof(options.MaxWriters),
                $"must be at least Writers, which is {options.Writers}"
            ),
            .. Positive(nameof(options.MaxBatch), options.MaxBatch),
            .. Positive(nameof(options.PageSize), options.PageSize),
            .. Positive(nameof(options.AppendTimeout), options.AppendTimeout),
            .. Unless(
                options.RetryTime >= TimeSpan.Zero && options.RetryTime <= Longest,
                nameof(options.RetryTime),
                "must not be negative, and at most a day; 00:00:00 tries nothing again"
            ),
            .. Unless(options.LongestYield >= TimeSpan.Zero, nameof(options.LongestYield), "must not be negative; 00:00:00 never waits"),
            .. Positive(nameof(options.LeaseTime), options.LeaseTime),
            .. Positive(nameof(options.LeaseRenewal), options.LeaseRenewal),
            .. Unless(
                options.LeaseRenewal < options.LeaseTime,
                nameof(options.LeaseRenewal),
                $"must be less than LeaseTime, which is {options.LeaseTime:c}, or leases run out between renewals"
            ),
            .. Positive(nameof(options.PollingTime), options.PollingTime),
        ];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static IEnumerable<string> Positive(string name, int value) => Unless(value >= 1, name, $"is {value}; it must be at least 1");

    private static IEnumerable<string> Positive(string name, TimeSpan value) =>
        Unless(
            value > TimeSpan.Zero && value <= Longest,
            name,
            $"is {value:c}; it must be more than nothing and at most a day, such as 00:00:05"
        );

    private static IEnumerable<string> Unless(bool isRight, string name, string problem) =>
        isRight ? [] : [$"EventStore:{name} {problem}."];
}
