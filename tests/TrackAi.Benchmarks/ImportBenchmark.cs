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
        var now = TimeProvider.System.GetUtcNow();
        foreach (var (kind, data) in SampleEvent.Kinds)
        {
            await ImportAsync($"warm {kind}", data, 100_000);
            var started = Stopwatch.GetTimestamp();
            await ImportAsync(kind, data, events);
            var elapsed = Stopwatch.GetElapsedTime(started);
            Console.WriteLine(
                FormattableString.Invariant(
                    $"import: {events} events ({kind}) in {elapsed.TotalSeconds:0.0} s, {events / elapsed.TotalSeconds:0}/s"
                )
            );
        }

        Task ImportAsync(string run, object data, int count) =>
            importer.ImportAsync(
                Enumerable.Range(0, count).Select(number => new ImportedEvent(new("bench", $"{run}-{number / 10}"), data, now)),
                cancellationToken: cancellationToken
            );
    }
}
