using System.Diagnostics;

namespace TrackAi.Benchmarks;

/// <summary>What a number of workers reached, each asking again as soon as it was answered.</summary>
internal sealed record Measured(int Workers, long Operations, TimeSpan Elapsed, double P50, double P95, double P99)
{
    public double PerSecond => Operations / Elapsed.TotalSeconds;
}

/// <summary>Closed-loop load: throughput and latency as the callers see them.</summary>
internal static class Load
{
    public static async Task<Measured> RunAsync(int workers, TimeSpan duration, Func<int, long, Task> operation)
    {
        var started = Stopwatch.GetTimestamp();
        var latencies = await Task.WhenAll(
            Enumerable.Range(0, workers).Select(worker => Task.Run(() => WorkAsync(worker, duration, operation)))
        );
        var elapsed = Stopwatch.GetElapsedTime(started);
        var all = latencies.SelectMany(one => one).Order().ToArray();
        return new Measured(workers, all.Length, elapsed, At(all, 0.50), At(all, 0.95), At(all, 0.99));
    }

    private static async Task<List<double>> WorkAsync(int worker, TimeSpan duration, Func<int, long, Task> operation)
    {
        var latencies = new List<double>(100_000);
        var started = Stopwatch.GetTimestamp();
        for (var number = 0L; Stopwatch.GetElapsedTime(started) < duration; number++)
        {
            var asked = Stopwatch.GetTimestamp();
            await operation(worker, number);
            latencies.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
        }

        return latencies;
    }

    private static double At(double[] sorted, double share) =>
        sorted.Length == 0 ? 0 : sorted[(int)Math.Min(sorted.Length - 1, sorted.Length * share)];
}
