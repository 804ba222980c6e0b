using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Benchmarks;

/// <summary>A read model from an existing log: by the daemon that starts with nothing, and by a rebuild beside the tables that are there.</summary>
internal static class RebuildBenchmark
{
    public static Command Verb()
    {
        var events = Options.Events(1_000_000);
        var days = Options.Days();
        var projection = new Option<string>("--projection") { DefaultValueFactory = _ => "DispatchSummary" };
        var runs = new Option<int>("--runs") { DefaultValueFactory = _ => 3 };
        var verb = new Command("rebuild", "Catch-up and rebuild of a projection over a log of many events.")
        {
            events,
            days,
            projection,
            runs,
        };
        verb.SetAction(
            (parsed, cancellationToken) =>
                RunAsync(
                    parsed.GetValue(events),
                    parsed.GetValue(days),
                    parsed.GetValue(projection)!,
                    parsed.GetValue(runs),
                    cancellationToken
                )
        );
        return verb;
    }

    private static async Task RunAsync(long events, int days, string projection, int runs, CancellationToken cancellationToken)
    {
        var name = days == History.UsualDays ? $"bench_{events}" : $"bench_{events}_{days}";
        await using var database = await BenchDatabase.OpenAsync(name, fresh: false, cancellationToken);
        if (database.IsNew)
            await GenerateVerb.FillAsync(database, events, days, seed: 1, cancellationToken);

        for (var run = 1; run <= runs; run++)
        {
            var (caughtUp, log) = await CatchUpAsync(database, projection, cancellationToken);
            var rebuilt = await RebuildAsync(database, projection, cancellationToken);
            Console.WriteLine(
                FormattableString.Invariant(
                    $"{projection} over {log} events: catch-up {caughtUp.TotalSeconds:0.00} s, {log / caughtUp.TotalSeconds:0}/s; rebuild {rebuilt.TotalSeconds:0.00} s, {log / rebuilt.TotalSeconds:0}/s"
                )
            );
        }
    }

    private static async Task<(TimeSpan Elapsed, long Log)> CatchUpAsync(
        BenchDatabase database,
        string projection,
        CancellationToken cancellationToken
    )
    {
        await using var services = await database.ServicesAsync(cancellationToken, only: projection);
        await ForgetAsync(services, projection, cancellationToken);
        var mark = await services.GetRequiredService<PostgresEventStore>().ReadHighWaterMarkAsync(cancellationToken);
        var started = Stopwatch.GetTimestamp();
        var hosted = services.GetServices<IHostedService>().ToArray();
        foreach (var service in hosted)
            await service.StartAsync(cancellationToken);
        await services.GetRequiredService<ProjectionProgress>().WaitForAsync(projection, mark, TimeSpan.FromMinutes(30), cancellationToken);
        var elapsed = Stopwatch.GetElapsedTime(started);
        foreach (var service in hosted)
            await service.StopAsync(cancellationToken);
        return (elapsed, mark);
    }

    private static async Task<TimeSpan> RebuildAsync(BenchDatabase database, string projection, CancellationToken cancellationToken)
    {
        await using var services = await database.ServicesAsync(cancellationToken);
        var started = Stopwatch.GetTimestamp();
        await services.GetRequiredService<ProjectionRebuilder>().RebuildAsync(projection, cancellationToken: cancellationToken);
        return Stopwatch.GetElapsedTime(started);
    }

    private static async Task ForgetAsync(ServiceProvider services, string projection, CancellationToken cancellationToken)
    {
        var tables = services.GetServices<IProjection>().Single(one => one.Name == projection).Tables;
        await using var forget = services
            .GetRequiredService<NpgsqlDataSource>()
            .CreateCommand(
                $"truncate {string.Join(", ", tables)}; delete from mt_event_progression where name = '{projection}:All'; delete from es_shard"
            );
        await forget.ExecuteNonQueryAsync(cancellationToken);
    }
}
