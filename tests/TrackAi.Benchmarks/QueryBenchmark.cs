using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Host;

namespace TrackAi.Benchmarks;

/// <summary>What a dashboard asks, through HTTP and in SQL, over read models of many events; and how far behind they are while events come in.</summary>
internal static class QueryBenchmark
{
    private const int Asked = 200;

    public static Command Verb()
    {
        var events = Options.Events(10_000_000);
        var rate = new Option<int>("--rate")
        {
            Description = "Events a second while freshness is measured.",
            DefaultValueFactory = _ => 1_000,
        };
        var seconds = Options.Seconds();
        var verb = new Command("queries", "Read models over many events: their queries, and their freshness.") { events, rate, seconds };
        verb.SetAction(
            (parsed, cancellationToken) =>
                RunAsync(parsed.GetValue(events), parsed.GetValue(rate), TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellationToken)
        );
        return verb;
    }

    private static async Task RunAsync(long events, int rate, TimeSpan duration, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.WithReadModelsAsync(events, cancellationToken);
        await using var application = await BenchHost.BuildAsync(database.ConnectionString);
        await application.StartAsync(cancellationToken);
        await BenchHost.CaughtUpAsync(application, cancellationToken);
        await AskAsync(application, cancellationToken);
        await MeasureFreshnessAsync(application, rate, duration, cancellationToken);
    }

    private static async Task AskAsync(TrackAiApplication application, CancellationToken cancellationToken)
    {
        var keys = new Dictionary<string, string>();
        foreach (var tenant in GenerateVerb.Tenants)
            keys[tenant] = (
                await application
                    .Services.GetRequiredService<IApiKeys>()
                    .AddAsync(tenant, "benchmark", cancellationToken: cancellationToken)
            ).Key;
        var random = new Random(1);
        var source = application.Services.GetRequiredService<NpgsqlDataSource>();
        using var http = application.Services.GetRequiredService<IHttpClientFactory>().CreateClient();
        http.BaseAddress = new Uri(application.Web.Urls.First());
        foreach (
            var (name, path) in ((string, string)[])
                [
                    ("dispatch summary, 30 days", "dispatch-summary?period=30d"),
                    ("dispatch summary, 90 days", "dispatch-summary?period=90d"),
                    ("dispatch summary, a year", "dispatch-summary?from={0}&to={1}"),
                    ("match rate, 30 days", "match-rate?period=30d"),
                    ("match rate, 90 days", "match-rate?period=90d"),
                    ("match rate, a year", "match-rate?from={0}&to={1}"),
                    ("conversions, a page", "conversions?period=30d&limit=50"),
                    ("conversions, a page of dead ones", "conversions?period=30d&limit=50&status=dead"),
                ]
        )
            Print(
                name,
                await TimesAsync(async () =>
                {
                    using var request = new HttpRequestMessage(
                        HttpMethod.Get,
                        "/api/v1/analytics/" + string.Format(CultureInfo.InvariantCulture, path, Day(-360), Day(0))
                    );
                    request.Headers.Add("x-api-key", keys[GenerateVerb.Tenants[random.Next(GenerateVerb.Tenants.Length)]]);
                    using var answer = await http.SendAsync(request, cancellationToken);
                    answer.EnsureSuccessStatusCode();
                    await answer.Content.ReadAsByteArrayAsync(cancellationToken);
                })
            );
        foreach (var days in (int[])[30, 90, 360])
            Print(
                $"daily metrics in SQL, {days} days",
                await TimesAsync(async () =>
                {
                    await using var select = source.CreateCommand(
                        "select * from analytics_metrics_daily where tenant_id = $1 and date >= current_date - $2 order by date"
                    );
                    select.Parameters.Add(new() { Value = GenerateVerb.Tenants[random.Next(GenerateVerb.Tenants.Length)] });
                    select.Parameters.Add(new() { Value = days });
                    await using var reader = await select.ExecuteReaderAsync(cancellationToken);
                    while (await reader.ReadAsync(cancellationToken)) { }
                })
            );
    }

    private static string Day(int fromToday) =>
        TimeProvider.System.GetUtcNow().AddDays(fromToday).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static async Task<double[]> TimesAsync(Func<Task> ask)
    {
        for (var warm = 0; warm < 20; warm++)
            await ask();
        var times = new double[Asked];
        for (var index = 0; index < Asked; index++)
        {
            var started = Stopwatch.GetTimestamp();
            await ask();
            times[index] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }

        return times;
    }

    private static void Print(string name, double[] times)
    {
        Array.Sort(times);
        Console.WriteLine(
            FormattableString.Invariant(
                $"{name, -34} p50 {times[times.Length / 2], 6:0.0} ms  p95 {times[(int)(times.Length * 0.95)], 6:0.0} ms"
            )
        );
    }

    private static async Task MeasureFreshnessAsync(
        TrackAiApplication application,
        int rate,
        TimeSpan duration,
        CancellationToken cancellationToken
    )
    {
        var store = application.Services.GetRequiredService<PostgresEventStore>();
        var progress = application.Services.GetRequiredService<ProjectionProgress>();
        var history = new History(RandomNumber(), GenerateVerb.Tenants, TimeProvider.System.GetUtcNow(), days: 1).Take(
            (long)(rate * duration.TotalSeconds)
        );
        var names = application.Services.GetServices<IProjection>().Select(projection => projection.Name).ToArray();
        var behind = names.ToDictionary(name => name, _ => new List<double>());
        var appends = new List<Task<AppendResult>>();
        var measuring = new List<Task>();
        var started = Stopwatch.GetTimestamp();
        foreach (var one in history)
        {
            var due = TimeSpan.FromSeconds(appends.Count / (double)rate) - Stopwatch.GetElapsedTime(started);
            if (due > TimeSpan.FromMilliseconds(1))
                await Task.Delay(due, cancellationToken);
            var append = store.AppendAsync(new Append(one.Stream, [one.Data]), cancellationToken);
            appends.Add(append);
            if (appends.Count % (rate / 5) == 0)
                measuring.AddRange(names.Select(name => FollowAsync(name, append)));
        }

        await Task.WhenAll(appends);
        await Task.WhenAll(measuring);
        foreach (var (name, times) in behind)
            Print($"{name} behind at {rate} events/s", [.. times]);

        async Task FollowAsync(string name, Task<AppendResult> append)
        {
            var sequence = ((AppendResult.Appended)await append).Sequence;
            var acknowledged = Stopwatch.GetTimestamp();
            await progress.WaitForAsync(name, sequence, TimeSpan.FromMinutes(1), cancellationToken);
            lock (behind)
                behind[name].Add(Stopwatch.GetElapsedTime(acknowledged).TotalMilliseconds);
        }
    }

    // New orders at every run, whatever earlier ones left in the database.
    private static int RandomNumber() => RandomNumberGenerator.GetInt32(int.MaxValue);
}
