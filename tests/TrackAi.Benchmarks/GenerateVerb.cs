using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Benchmarks;

/// <summary>Fills a log with a made-up past, for the measurements over many events.</summary>
internal static class GenerateVerb
{
    public static readonly string[] Tenants = [.. Enumerable.Range(1, 20).Select(number => $"tenant-{number:00}")];

    public static Command Verb()
    {
        var events = new Option<long>("--events") { Description = "How many.", DefaultValueFactory = _ => 1_000_000 };
        var seed = new Option<int>("--seed") { Description = "The same seed gives the same past.", DefaultValueFactory = _ => 1 };
        var days = Options.Days();
        var database = new Option<string>("--database")
        {
            Description = "Name of the database in the benchmarks' cluster; an old one of that name is dropped.",
            DefaultValueFactory = _ => "bench_history",
        };
        var verb = new Command("generate", "Fill a database's log with a made-up past: clicks and sales of 20 tenants.")
        {
            events,
            days,
            seed,
            database,
        };
        verb.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var opened = await BenchDatabase.OpenAsync(parsed.GetValue(database)!, fresh: true, cancellationToken);
                await FillAsync(opened, parsed.GetValue(events), parsed.GetValue(days), parsed.GetValue(seed), cancellationToken);
                Console.WriteLine(opened.ConnectionString);
            }
        );
        return verb;
    }

    public static async Task FillAsync(BenchDatabase database, long events, int days, int seed, CancellationToken cancellationToken)
    {
        await using (var application = await BenchHost.BuildAsync(database.ConnectionString, runDaemon: false))
        {
            await application.StartAsync(cancellationToken);
            await BenchHost.AddTenantsAsync(application, Tenants);
        }

        await using var services = await database.ServicesAsync(cancellationToken);
        var history = new History(seed, Tenants, TimeProvider.System.GetUtcNow(), days)
        {
            FunnelOf = gateway => gateway is "hotmart" or "kiwify" ? "curso" : "mentoria",
        };
        var started = Stopwatch.GetTimestamp();
        var importer = services.GetRequiredService<EventImporter>();
        await importer.ImportAsync(history.Take(events), cancellationToken: cancellationToken);
        var elapsed = Stopwatch.GetElapsedTime(started);
        Console.WriteLine(
            FormattableString.Invariant(
                $"generated and imported {events} events of real size in {elapsed.TotalSeconds:0.0} s, {events / elapsed.TotalSeconds:0}/s"
            )
        );
        await PassOverAsync(database, cancellationToken);
    }

    // The past has been matched and dispatched: whoever does that starts behind it.
    private static async Task PassOverAsync(BenchDatabase database, CancellationToken cancellationToken)
    {
        await using var application = await BenchHost.BuildAsync(database.ConnectionString, runDaemon: false);
        var mark = await application.Services.GetRequiredService<PostgresEventStore>().ReadHighWaterMarkAsync(cancellationToken);
        foreach (var subscription in application.Services.GetServices<ISubscription>())
        {
            await using var move = application
                .Services.GetRequiredService<NpgsqlDataSource>()
                .CreateCommand("select mt_mark_event_progression($1, $2)");
            move.Parameters.Add(new() { Value = $"{subscription.Name}:All" });
            move.Parameters.Add(new() { Value = mark });
            await move.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
