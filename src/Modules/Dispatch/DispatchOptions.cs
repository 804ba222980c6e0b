namespace TrackAi.Dispatch;

/// <summary>Section <c>Dispatch</c>.</summary>
public sealed class DispatchOptions
{
    /// <summary>Where requests wait: <c>postgres</c>.</summary>
    public string Transport { get; set; } = "postgres";

    /// <summary>Whether this process sends.</summary>
    public bool RunWorker { get; set; } = true;

    /// <summary>Events in one request to Meta at most (Meta's limit is 1,000). A new pixel begins with fewer, and one in trouble gets fewer.</summary>
    public int BatchSize { get; set; } = 500;

    /// <summary>Requests to Meta at a time.</summary>
    public int MaxInFlight { get; set; } = 32;

    /// <summary>Requests at a time to one pixel, so that a slow one leaves room for the others.</summary>
    public int MaxInFlightPerPixel { get; set; } = 4;

    /// <summary>How long a claim lasts without being kept up.</summary>
    public TimeSpan ClaimTime { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>The longest wait after a dispatch's first failed attempt; it doubles with each further one.</summary>
    public TimeSpan FirstRetry { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between two attempts, before what Meta itself asks for.</summary>
    public TimeSpan LongestRetry { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How often the queue is looked at when nobody called.</summary>
    public TimeSpan PollingTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How often paused pixels and sales without a pixel are looked at.</summary>
    public TimeSpan HousekeepingTime { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often Meta is asked about each pixel's token; zero never asks.</summary>
    public TimeSpan TokenCheckTime { get; set; } = TimeSpan.FromHours(1);

    public CircuitOptions Circuit { get; set; } = new();
}

/// <summary>Section <c>Dispatch:Circuit</c>: when requests to a pixel, or to Meta as a whole, are no longer tried.</summary>
public sealed class CircuitOptions
{
    /// <summary>Requests to one pixel within the window before their share of failures is looked at.</summary>
    public int MinimumRequests { get; set; } = 5;

    /// <summary>The same of all pixels together; a pixel in trouble counts once in <see cref="Window"/> / 6.</summary>
    public int MinimumRequestsOfAll { get; set; } = 10;

    /// <summary>The share of failures that opens the circuit.</summary>
    public double FailureRatio { get; set; } = 0.8;

    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The time until the first probe; doubled with each one that fails.</summary>
    public TimeSpan Break { get; set; } = TimeSpan.FromSeconds(5);

    public TimeSpan LongestBreak { get; set; } = TimeSpan.FromMinutes(2);
}

/// <summary>The part of section <c>Matching</c> that concerns sending.</summary>
internal sealed class GraceOptions
{
    /// <summary>How long an unmatched sale waits for a late click, in seconds.</summary>
    public int GraceSeconds { get; set; }
}
