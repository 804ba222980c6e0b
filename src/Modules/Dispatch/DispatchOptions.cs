namespace TrackAi.Dispatch;

/// <summary>Section <c>Dispatch</c>.</summary>
public sealed class DispatchOptions
{
    /// <summary>Where requests wait: <c>postgres</c>.</summary>
    public string Transport { get; set; } = "postgres";

    /// <summary>Whether this process sends.</summary>
    public bool RunWorker { get; set; } = true;

    /// <summary>Events in one request to Meta at most (Meta's limit is 1,000).</summary>
    public int BatchSize { get; set; } = 500;

    /// <summary>Requests to Meta at a time.</summary>
    public int MaxInFlight { get; set; } = 8;

    /// <summary>How long a claim lasts without being kept up.</summary>
    public TimeSpan ClaimTime { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>The longest wait after a dispatch's first failed attempt; it doubles with each further one.</summary>
    public TimeSpan FirstRetry { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between two attempts, before what Meta itself asks for.</summary>
    public TimeSpan LongestRetry { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How often the queue is looked at when nobody called.</summary>
    public TimeSpan PollingTime { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>The part of section <c>Matching</c> that concerns sending.</summary>
internal sealed class GraceOptions
{
    /// <summary>How long an unmatched sale waits for a late click, in seconds.</summary>
    public int GraceSeconds { get; set; }
}
