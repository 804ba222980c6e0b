using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Host;
using TrackAi.MetaStandIn;

namespace TrackAi.Benchmarks;

/// <summary>
/// Signed sales through HTTP, matched and sent to a stand-in for Meta, everything on this machine: first as fast as it goes, then at a fixed rate,
/// where the time from the webhook's answer to Meta's is read from the log.
/// </summary>
internal static class WebhookBenchmark
{
    public static Command Verb()
    {
        var seconds = Options.Seconds();
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 64 };
        var rate = new Option<int>("--rate") { Description = "Webhooks per second of the paced part.", DefaultValueFactory = _ => 500 };
        var transport = Transport.Option();
        var verb = new Command("webhooks", "Signed sales through HTTP to a stand-in for Meta.") { seconds, connections, rate, transport };
        verb.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var database = await BenchDatabase.OpenAsync("bench_webhooks", fresh: true, cancellationToken);
                await RunAsync(
                    database.ConnectionString,
                    TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                    parsed.GetValue(connections),
                    parsed.GetValue(rate),
                    parsed.GetValue(transport)!
                );
            }
        );
        return verb;
    }

    private static async Task RunAsync(string connectionString, TimeSpan duration, int connections, int perSecond, string by)
    {
        await using var transport = await Transport.StartAsync(by);
        await using var meta = await MetaStandInServer.StartAsync(new MetaStandInOptions());
        meta.Inject(MetaFault.Delay(TimeSpan.FromMilliseconds(50)));
        await using var application = await BenchHost.BuildAsync(connectionString, meta.BaseUrl, transport: transport);
        await application.StartAsync();
        using var sales = await BenchHost.SellAsync(application, connections);
        var run = Convert.ToHexString(RandomNumberGenerator.GetBytes(4));
        await Load.RunAsync(connections, TimeSpan.FromSeconds(2), (worker, number) => sales.DeliverAsync($"{run}-warm-{worker}-{number}"));

        await DrainAsync(application, meta);

        // First: what a rush leaves behind is vacuumed and analysed for a minute.
        var from = await application.Services.GetRequiredService<PostgresEventStore>().ReadHighWaterMarkAsync();
        var paced = await PacedAsync(sales, run, perSecond, duration);
        Console.WriteLine(
            FormattableString.Invariant($"at {perSecond}/s: p50 {paced.P50:0.0} ms, p95 {paced.P95:0.0} ms, p99 {paced.P99:0.0} ms")
        );
        await DrainAsync(application, meta);
        await PrintEndToEndAsync(application.Services.GetRequiredService<PostgresEventStore>(), from, by);

        var flatOut = await Load.RunAsync(connections, duration, (worker, number) => sales.DeliverAsync($"{run}-{worker}-{number}"));
        Console.WriteLine(
            FormattableString.Invariant(
                $"flat out, {connections} connections: {flatOut.PerSecond:0} webhooks/s, p50 {flatOut.P50:0.0} ms, p95 {flatOut.P95:0.0} ms, p99 {flatOut.P99:0.0} ms"
            )
        );
        await DrainAsync(application, meta);
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(
            FormattableString.Invariant(
                $"memory of the whole process, load and stand-in included: {process.WorkingSet64 / 1024.0 / 1024.0:0} MB"
            )
        );
    }

    private static async Task<Measured> PacedAsync(SignedSales sales, string run, int perSecond, TimeSpan duration)
    {
        var latencies = new List<Task<double>>();
        var started = Stopwatch.GetTimestamp();
        for (var number = 0; Stopwatch.GetElapsedTime(started) < duration; number++)
        {
            var due = TimeSpan.FromSeconds(number / (double)perSecond) - Stopwatch.GetElapsedTime(started);
            if (due > TimeSpan.FromMilliseconds(1))
                await Task.Delay(due);
            latencies.Add(TimedAsync(sales, $"{run}-paced-{number}"));
        }

        var all = (await Task.WhenAll(latencies)).Order().ToArray();
        return new Measured(1, all.Length, duration, all[all.Length / 2], all[(int)(all.Length * 0.95)], all[(int)(all.Length * 0.99)]);
    }

    private static async Task<double> TimedAsync(SignedSales sales, string order)
    {
        var asked = Stopwatch.GetTimestamp();
        await sales.DeliverAsync(order);
        return Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
    }

    private static async Task DrainAsync(TrackAiApplication application, MetaStandInServer meta)
    {
        var started = Stopwatch.GetTimestamp();
        var before = meta.ReceivedCount;
        var health = application.Services.GetRequiredService<IDispatchHealth>();
        var progress = application.Services.GetRequiredService<ProjectionProgress>();
        var store = application.Services.GetRequiredService<PostgresEventStore>();
        var mark = await store.ReadHighWaterMarkAsync();
        foreach (var shard in await progress.ReadAsync())
            await progress.WaitForAsync(shard.Name.Split(':')[0], mark, TimeSpan.FromMinutes(5));
        while (await health.ReadDepthAsync(CancellationToken.None) is { Waiting: > 0 } or { Active: > 0 })
            await Task.Delay(20);
        var elapsed = Stopwatch.GetElapsedTime(started);
        Console.WriteLine(
            FormattableString.Invariant(
                $"  then {meta.ReceivedCount - before} more reached Meta in {elapsed.TotalSeconds:0.0} s ({(meta.ReceivedCount - before) / elapsed.TotalSeconds:0}/s), {meta.Duplicates} twice"
            )
        );
    }

    private static async Task PrintEndToEndAsync(PostgresEventStore store, long from, string by)
    {
        var received = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        var latencies = new List<double>();
        await foreach (var recorded in store.ReadAllAsync(from))
        {
            if (recorded.Data is ConversionReceived conversion)
                received[conversion.ConversionId] = conversion.ReceivedAt;
            if (recorded.Data is DispatchSucceeded sent && received.TryGetValue(sent.ConversionId, out var at))
                latencies.Add((sent.AttemptedAt - at).TotalMilliseconds);
        }

        latencies.Sort();
        Console.WriteLine(
            FormattableString.Invariant(
                $"  {by}: received → acknowledged by Meta (which takes 50 ms): p50 {latencies[latencies.Count / 2]:0} ms, p95 {latencies[(int)(latencies.Count * 0.95)]:0} ms, {latencies.Count} sales"
            )
        );
    }
}
