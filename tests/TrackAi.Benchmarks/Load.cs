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
    private const int Turns = 5;

    public static async Task<Measured> RunAsync(int workers, TimeSpan duration, Func<int, long, Task> operation)
    {
        var slice = await SliceAsync(workers, duration, 0, operation);
        return Of(workers, slice.Elapsed, slice.Latencies);
    }

    /// <summary>Two ways of doing the same, by turns, so that what else the machine does in the meantime falls on both. A first turn of each is not counted.</summary>
    public static async Task<(Measured Ours, Measured Theirs)> ByTurnsAsync(
        int workers,
        TimeSpan duration,
        Func<int, long, Task> ours,
        Func<int, long, Task> theirs
    )
    {
        var (mine, others) = (new List<Slice>(), new List<Slice>());
        for (var turn = 0; turn <= Turns; turn++)
        {
            // No number twice: an operation may make something of that name.
            var first = turn * 1_000_000_000L;
            mine.Add(await SliceAsync(workers, duration / Turns, first, ours));
            others.Add(await SliceAsync(workers, duration / Turns, first, theirs));
        }

        return (Together(workers, mine.Skip(1)), Together(workers, others.Skip(1)));
    }

    private static Measured Together(int workers, IEnumerable<Slice> slices)
    {
        var (elapsed, latencies) = (TimeSpan.Zero, new List<double>());
        foreach (var slice in slices)
        {
            elapsed += slice.Elapsed;
            latencies.AddRange(slice.Latencies);
        }

        return Of(workers, elapsed, latencies);
    }

    private static Measured Of(int workers, TimeSpan elapsed, IEnumerable<double> latencies)
    {
        var all = latencies.Order().ToArray();
        return new Measured(workers, all.Length, elapsed, At(all, 0.50), At(all, 0.95), At(all, 0.99));
    }

    private static async Task<Slice> SliceAsync(int workers, TimeSpan duration, long first, Func<int, long, Task> operation)
    {
        var started = Stopwatch.GetTimestamp();
        var latencies = await Task.WhenAll(
            Enumerable.Range(0, workers).Select(worker => Task.Run(() => WorkAsync(worker, first, duration, operation)))
        );
        return new Slice(Stopwatch.GetElapsedTime(started), [.. latencies.SelectMany(one => one)]);
    }

    private static async Task<List<double>> WorkAsync(int worker, long first, TimeSpan duration, Func<int, long, Task> operation)
    {
        var latencies = new List<double>(100_000);
        var started = Stopwatch.GetTimestamp();
        for (var number = first; Stopwatch.GetElapsedTime(started) < duration; number++)
        {
            var asked = Stopwatch.GetTimestamp();
            await operation(worker, number);
            latencies.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
        }

        return latencies;
    }

    private static double At(double[] sorted, double share) =>
        sorted.Length == 0 ? 0 : sorted[(int)Math.Min(sorted.Length - 1, sorted.Length * share)];

    private readonly record struct Slice(TimeSpan Elapsed, double[] Latencies);
}
