using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.EventStore;

namespace TrackAi.Benchmarks;

/// <summary>Bulk import by COPY, of events of 640 bytes (as in <c>append</c>), ten to a stream.</summary>
internal static class ImportBenchmark
{
    public static Command Verb()
    {
        var events = new Option<int>("--events") { Description = "How many.", DefaultValueFactory = _ => 1_000_000 };
        var verb = new Command("import", "Bulk import by COPY, of events of 640 bytes, ten to a stream.") { events };
        verb.SetAction((parsed, cancellationToken) => RunAsync(parsed.GetValue(events), cancellationToken));
        return verb;
    }

    private static async Task RunAsync(int events, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.OpenAsync("bench_import", fresh: true, cancellationToken);
        await using var services = await database.ServicesAsync(cancellationToken);
        var importer = services.GetRequiredService<EventImporter>();
        var data = SampleEvent.Of("imported");
        var now = TimeProvider.System.GetUtcNow();
        await MeasureAsync("beside running hosts", "online", (history, token) => importer.ImportAsync(history, cancellationToken: token));
        await MeasureAsync("alone", "alone", (history, token) => importer.ImportAloneAsync(history, cancellationToken: token));

        async Task MeasureAsync(string how, string run, Func<IEnumerable<ImportedEvent>, CancellationToken, Task<long>> import)
        {
            var started = Stopwatch.GetTimestamp();
            var count = await import(
                Enumerable.Range(0, events).Select(number => new ImportedEvent(new("bench", $"{run}-{number / 10}"), data, now)),
                cancellationToken
            );
            var elapsed = Stopwatch.GetElapsedTime(started);
            Console.WriteLine(
                FormattableString.Invariant(
                    $"import {how}: {count} events in {elapsed.TotalSeconds:0.0} s, {count / elapsed.TotalSeconds:0}/s"
                )
            );
        }
    }
}
