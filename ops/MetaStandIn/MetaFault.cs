namespace TrackAi.MetaStandIn;

public enum MetaFaultKind
{
    /// <summary>Answers as usual, only later: after its time, or when the faults are cleared.</summary>
    Delay,
    Error,

    /// <summary>Never answers.</summary>
    Hang,

    /// <summary>A proxy's page instead of Meta's JSON.</summary>
    Html,

    /// <summary>A complete HTTP answer whose JSON ends in the middle.</summary>
    TruncatedJson,

    /// <summary>Less body than its Content-Length promised.</summary>
    CutBody,

    /// <summary>Megabytes of body.</summary>
    HugeBody,

    /// <summary>The connection is closed without an answer.</summary>
    Reset,

    /// <summary><c>events_received</c> is smaller than what was sent, and the last events are not taken.</summary>
    FewerReceived,

    /// <summary>All is well, and the headers say how much of what Meta grants is used up.</summary>
    Usage,
}

/// <summary>
/// Something that goes wrong at Meta, by command. The first fault that fits a request decides its answer; delays that fit are added to it.
/// </summary>
public sealed record MetaFault
{
    public required MetaFaultKind Kind { get; init; }

    /// <summary>Only requests to this pixel; null means all.</summary>
    public string? Pixel { get; init; }

    /// <summary>Only requests that contain this event; null means all.</summary>
    public string? EventId { get; init; }

    /// <summary>How many requests it hits; null means until it is cleared.</summary>
    public int? Times { get; init; }

    /// <summary>The events are taken before the answer goes wrong: what a sender cannot tell from a refusal.</summary>
    public bool AcceptFirst { get; init; }

    public double DelayMs { get; init; }
    public int? Status { get; init; }
    public int? Code { get; init; }
    public int? Subcode { get; init; }
    public string? Message { get; init; }
    public bool IsTransient { get; init; }

    /// <summary>Minutes in <c>X-Business-Use-Case-Usage</c> until the throttled caller may come back.</summary>
    public int? RegainAccessMinutes { get; init; }

    /// <summary>The share that <see cref="MetaFaultKind.Usage"/> tells, in percent.</summary>
    public int UsedPercent { get; init; }

    /// <summary>Where a redirect (a <see cref="Status"/> of 3xx) points.</summary>
    public string? Location { get; init; }

    /// <summary>How many events are left out by <see cref="MetaFaultKind.FewerReceived"/>.</summary>
    public int Missing { get; init; } = 1;

    public static MetaFault Delay(TimeSpan delay) => new() { Kind = MetaFaultKind.Delay, DelayMs = delay.TotalMilliseconds };

    public static MetaFault Error(int status, int? code = null, int? subcode = null) =>
        new()
        {
            Kind = MetaFaultKind.Error,
            Status = status,
            Code = code,
            Subcode = subcode,
        };

    public static MetaFault Throttled(int regainAccessMinutes) =>
        new()
        {
            Kind = MetaFaultKind.Error,
            Status = 429,
            Code = 4,
            Message = "(#4) Application request limit reached",
            RegainAccessMinutes = regainAccessMinutes,
        };

    public static MetaFault Hang() => new() { Kind = MetaFaultKind.Hang };

    public static MetaFault Html(int status = 502) => new() { Kind = MetaFaultKind.Html, Status = status };

    public static MetaFault TruncatedJson() => new() { Kind = MetaFaultKind.TruncatedJson };

    public static MetaFault CutBody() => new() { Kind = MetaFaultKind.CutBody };

    public static MetaFault HugeBody() => new() { Kind = MetaFaultKind.HugeBody };

    public static MetaFault Reset() => new() { Kind = MetaFaultKind.Reset };

    public static MetaFault Usage(int percent, int? regainAccessMinutes = null) =>
        new()
        {
            Kind = MetaFaultKind.Usage,
            UsedPercent = percent,
            RegainAccessMinutes = regainAccessMinutes,
        };

    public static MetaFault FewerReceived(int missing = 1) => new() { Kind = MetaFaultKind.FewerReceived, Missing = missing };
}

/// <summary>The faults that are set, in the order they were.</summary>
internal sealed class Faults
{
    private readonly Lock gate = new();
    private readonly List<(MetaFault Fault, int? Left)> set = [];
    private TaskCompletionSource cleared = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when the faults that are set now are cleared.</summary>
    public Task Cleared
    {
        get
        {
            lock (gate)
                return cleared.Task;
        }
    }

    public void Add(MetaFault fault)
    {
        lock (gate)
            set.Add((fault, fault.Times));
    }

    public void Clear()
    {
        lock (gate)
        {
            set.Clear();
            cleared.SetResult();
            cleared = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>What goes wrong with this request: how long it waits, and the fault that answers it, if any.</summary>
    public (TimeSpan Delay, MetaFault? Fault) Take(string pixel, IReadOnlyList<string> eventIds)
    {
        lock (gate)
        {
            var delay = 0d;
            MetaFault? decided = null;
            for (var index = 0; index < set.Count; index++)
            {
                var (fault, left) = set[index];
                if (!Fits(fault, pixel, eventIds) || (decided is not null && fault.Kind != MetaFaultKind.Delay))
                    continue;
                delay += fault.DelayMs;
                if (fault.Kind != MetaFaultKind.Delay)
                    decided = fault;
                set[index] = (fault, left - 1);
            }

            set.RemoveAll(entry => entry.Left <= 0);
            return (TimeSpan.FromMilliseconds(delay), decided);
        }
    }

    private static bool Fits(MetaFault fault, string pixel, IReadOnlyList<string> eventIds) =>
        (fault.Pixel is null || string.Equals(fault.Pixel, pixel, StringComparison.Ordinal))
        && (fault.EventId is null || eventIds.Contains(fault.EventId, StringComparer.Ordinal));
}
