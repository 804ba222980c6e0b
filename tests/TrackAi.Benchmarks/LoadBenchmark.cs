using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Benchmarks;

/// <summary>Streams of ten events read and folded, beside their rows read straight on Npgsql and left as they are.</summary>
internal static class LoadBenchmark
{
    private const int StreamCount = 5_000;

    public static Command Verb()
    {
        var seconds = Options.Seconds();
        var workers = Options.Workers(1, 8, 32);
        var verb = new Command("load", "Live aggregation of streams of ten events.") { seconds, workers };
        verb.SetAction(
            (parsed, cancellationToken) =>
                RunAsync(TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(workers)!, cancellationToken)
        );
        return verb;
    }

    private static async Task RunAsync(TimeSpan duration, IReadOnlyList<int> workers, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.OpenAsync("bench_load", fresh: true, cancellationToken);
        await using var services = await database.ServicesAsync(cancellationToken);
        var store = services.GetRequiredService<PostgresEventStore>();
        foreach (var (kind, data) in SampleEvent.Kinds)
            await services
                .GetRequiredService<EventImporter>()
                .ImportAsync(
                    Enumerable
                        .Range(0, StreamCount * 10)
                        .Select(number => new ImportedEvent(StreamOf(kind, number / 10), data, TimeProvider.System.GetUtcNow())),
                    cancellationToken: cancellationToken
                );
        await using var plain = EventStoreModule.CreateDataSource(database.ConnectionString);
        await using (var vacuum = plain.CreateCommand("vacuum analyze mt_events"))
            await vacuum.ExecuteNonQueryAsync(cancellationToken);

        Console.WriteLine("events             workers  streams/s   p50 ms   p95 ms   plain/s   ratio");
        foreach (var (kind, _) in SampleEvent.Kinds)
        foreach (var count in workers)
        {
            var (ours, theirs) = await Load.ByTurnsAsync(
                count,
                duration,
                (worker, number) => OursAsync(store, Drawn(kind, worker, number)),
                (worker, number) => PlainAsync(plain, Drawn(kind, worker, number))
            );
            Console.WriteLine(
                FormattableString.Invariant(
                    $"{kind, -18} {count, 7} {ours.PerSecond, 10:0} {ours.P50, 8:0.00} {ours.P95, 8:0.00} {theirs.PerSecond, 9:0} {ours.PerSecond / theirs.PerSecond, 7:0.00}"
                )
            );
        }
    }

    private static StreamId StreamOf(string kind, long number) => new("bench", $"{kind}-{number}");

    private static StreamId Drawn(string kind, int worker, long number) => StreamOf(kind, (worker * 7919 + number * 31) % StreamCount);

    private static async Task OursAsync(PostgresEventStore store, StreamId stream)
    {
        var total = await store.AggregateStreamAsync<Total>(
            stream,
            (state, data) => new Total((state?.Amount ?? 0) + (data is ConversionReceived sale ? sale.Value.Amount : 197m))
        );
        if (total?.Amount != 1970m)
            throw new InvalidOperationException($"Ten sales of 197 make {total?.Amount}.");
    }

    private static async Task PlainAsync(NpgsqlDataSource dataSource, StreamId stream)
    {
        await using var select = dataSource.CreateCommand(
            "select seq_id, id, version, type, data from mt_events where tenant_id = $1 and stream_id = $2 order by version"
        );
        select.Parameters.Add(new() { Value = stream.TenantId });
        select.Parameters.Add(new() { Value = stream.Id });
        var rows = 0;
        await using var reader = await select.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            rows += reader.GetFieldValue<byte[]>(4).Length > 0 ? 1 : 0;
        if (rows != 10)
            throw new InvalidOperationException($"{rows} rows instead of 10.");
    }

    private sealed record Total(decimal Amount);
}
