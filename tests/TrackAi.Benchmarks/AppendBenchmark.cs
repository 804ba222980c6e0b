using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using NpgsqlTypes;
using TrackAi.EventStore;

namespace TrackAi.Benchmarks;

/// <summary>Appends through the event store beside one statement per append straight on Npgsql, in turns, with the same connection settings.</summary>
internal static class AppendBenchmark
{
    public static Command Verb()
    {
        var seconds = Options.Seconds();
        var workers = Options.Workers(1, 8, 32, 64);
        var verb = new Command("append", "Appends beside one statement per append straight on Npgsql.") { seconds, workers };
        verb.SetAction(
            (parsed, cancellationToken) =>
                RunAsync(TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(workers)!, cancellationToken)
        );
        return verb;
    }

    private static async Task RunAsync(TimeSpan duration, IReadOnlyList<int> workers, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.OpenAsync("bench_append", fresh: true, cancellationToken);
        await using var services = await database.ServicesAsync(cancellationToken);
        var store = services.GetRequiredService<PostgresEventStore>();
        await using var plain = EventStoreModule.CreateDataSource(database.ConnectionString);

        // New streams at every run, whatever earlier ones left in the database.
        var run = $"{Guid.CreateVersion7(TimeProvider.System.GetUtcNow()):N}";
        Console.WriteLine("workers   ours/s   p50 ms   p95 ms   p99 ms   plain/s   p50 ms   p95 ms   ratio");
        foreach (var count in workers)
        {
            var (ours, theirs) = await Load.ByTurnsAsync(
                count,
                duration,
                (worker, number) => OursAsync(store, $"{run}-ours-{count}-{worker}-{number}"),
                (worker, number) => PlainAsync(plain, $"{run}-plain-{count}-{worker}-{number}")
            );
            Console.WriteLine(
                FormattableString.Invariant(
                    $"{count, 7} {ours.PerSecond, 8:0} {ours.P50, 8:0.00} {ours.P95, 8:0.00} {ours.P99, 8:0.00} {theirs.PerSecond, 9:0} {theirs.P50, 8:0.00} {theirs.P95, 8:0.00} {ours.PerSecond / theirs.PerSecond, 7:0.00}"
                )
            );
        }
    }

    private static async Task OursAsync(PostgresEventStore store, string stream)
    {
        var result = await store.AppendAsync(new Append(new StreamId("bench", stream), [SampleEvent.Of(stream)]) { ExpectedVersion = 0 });
        if (result is not AppendResult.Appended)
            throw new InvalidOperationException($"{stream}: {result}");
    }

    // The fastest honest way without group commit: one statement, one round trip, one transaction.
    private static async Task PlainAsync(NpgsqlDataSource dataSource, string stream)
    {
        await using var command = dataSource.CreateCommand(
            """
            with s as (
                insert into mt_streams (tenant_id, id, type, version, timestamp, created, is_archived) values ($1, $2, null, 1, $3, $3, false)
                returning tenant_id, id
            )
            insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
            select nextval('mt_events_sequence'), $4, s.id, 1, $5, 'conversion_received', $3, s.tenant_id, 'TrackAi.Contracts.ConversionReceived, TrackAi.Contracts', false
            from s returning seq_id
            """
        );
        command.Parameters.Add(new() { Value = "bench" });
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = TimeProvider.System.GetUtcNow() });
        command.Parameters.Add(new() { Value = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()) });
        command.Parameters.Add(
            new()
            {
                Value = JsonSerializer.SerializeToUtf8Bytes(SampleEvent.Of(stream), JsonSerializerOptions.Web),
                NpgsqlDbType = NpgsqlDbType.Jsonb,
            }
        );
        await command.ExecuteScalarAsync();
    }
}
