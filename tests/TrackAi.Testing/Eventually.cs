using System.Diagnostics;

namespace TrackAi.Testing;

/// <summary>Waits for a condition, never for a time.</summary>
public static class Eventually
{
    /// <summary>For whatever is sure to come: a slow machine, shared with others, takes its time, and a test that passes does not pay for it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? atMost = null) =>
        ValueAsync(async () => await condition() ? "yes" : null, what, atMost);

    /// <summary>The first value that is not null.</summary>
    public static async Task<T> ValueAsync<T>(Func<Task<T?>> read, string what, TimeSpan? atMost = null)
        where T : class
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            if (await read() is { } value)
                return value;
            var waited = Stopwatch.GetElapsedTime(started);
            if (waited > (atMost ?? Patience))
                throw new TimeoutException($"Waited in vain: {what}.");
            // What takes long is looked at less often: looking costs what is waited for.
            await Task.Delay((int)Math.Clamp(waited.TotalMilliseconds / 8, 10, 100));
        }
    }
}
