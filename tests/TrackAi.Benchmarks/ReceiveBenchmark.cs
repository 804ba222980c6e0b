using System.CommandLine;
using System.Security.Cryptography;
using TrackAi.MetaStandIn;

namespace TrackAi.Benchmarks;

/// <summary>
/// Deliveries made durable a second, beside what Postgres' own <c>pgbench</c> reaches with one transaction per append in plain SQL: by a host that does
/// everything, and by one that leaves matching, sending and read models to others.
/// </summary>
internal static class ReceiveBenchmark
{
    public static Command Verb()
    {
        var seconds = Options.Seconds();
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 64 };
        var verb = new Command("receive", "Signed sales made durable, beside one transaction per append in plain SQL (pgbench).")
        {
            seconds,
            connections,
        };
        verb.SetAction(
            async (parsed, cancellationToken) =>
            {
                var (duration, clients) = (TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(connections));
                var plain = await PlainAsync(clients, duration, cancellationToken);
                await ReceiveAsync("a host that only receives", everything: false, clients, duration, plain, cancellationToken);
                await ReceiveAsync("a host that does everything", everything: true, clients, duration, plain, cancellationToken);
            }
        );
        return verb;
    }

    private static async Task<double> PlainAsync(int clients, TimeSpan duration, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.OpenAsync("bench_plain", fresh: true, cancellationToken);
        await using (await database.ServicesAsync(cancellationToken)) { }
        var perSecond = await PlainSql.RunAsync(database, clients, duration, cancellationToken);
        Console.WriteLine(FormattableString.Invariant($"pgbench, {clients} clients, one transaction per append: {perSecond:0}/s"));
        return perSecond;
    }

    private static async Task ReceiveAsync(
        string who,
        bool everything,
        int connections,
        TimeSpan duration,
        double plain,
        CancellationToken cancellationToken
    )
    {
        await using var database = await BenchDatabase.OpenAsync("bench_receive", fresh: true, cancellationToken);
        await using var meta = await MetaStandInServer.StartAsync(new MetaStandInOptions(), cancellationToken);
        await using var application = await BenchHost.BuildAsync(
            database.ConnectionString,
            meta.BaseUrl,
            runDaemon: everything,
            isSending: everything
        );
        await application.StartAsync(cancellationToken);
        using var sales = await BenchHost.SellAsync(application, connections);
        var run = Convert.ToHexString(RandomNumberGenerator.GetBytes(4));
        await Load.RunAsync(connections, TimeSpan.FromSeconds(3), (worker, number) => sales.DeliverAsync($"{run}-warm-{worker}-{number}"));
        var reached = await Load.RunAsync(connections, duration, (worker, number) => sales.DeliverAsync($"{run}-{worker}-{number}"));
        Console.WriteLine(
            FormattableString.Invariant(
                $"{who}, {connections} connections: {reached.PerSecond:0} webhooks/s made durable ({reached.PerSecond / plain:0.00} × pgbench), p50 {reached.P50:0.0} ms, p95 {reached.P95:0.0} ms, p99 {reached.P99:0.0} ms"
            )
        );
    }
}
