using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Host;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.Benchmarks;

/// <summary>
/// Sending alone: sales are appended to the log as a gateway's are, matched and queued while nobody sends; then a host begins. Everything on this
/// machine, Meta's stand-in answering after 50 ms.
/// </summary>
internal static class DispatchBenchmark
{
    private static readonly TimeSpan MetaTakes = TimeSpan.FromMilliseconds(50);

    /// <summary>From the queue to Meta's acknowledgement in the log, and what the queue leaves behind on disk.</summary>
    public static async Task RunAsync(string cluster, int messages, int pixels, string by)
    {
        await using var database = await Scratch.CreateAsync(cluster);
        await using var transport = await Transport.StartAsync(by);
        await using var meta = await MetaStandInServer.StartAsync(new MetaStandInOptions());
        meta.Inject(MetaFault.Delay(MetaTakes));
        await using (var receiving = await StartAsync(database, meta, transport, isSending: false))
        {
            var tenants = await AddTenantsAsync(receiving, "acme", pixels);
            await AppendAsync(receiving, tenants, messages);
            await WaitAsync(database, "select count(*) from dispatch_queue", messages);
        }

        Console.WriteLine(
            FormattableString.Invariant($"{messages} sales of {pixels} pixels wait; the queue takes {await SizeAsync(database):0.0} MB")
        );
        await using var sending = await StartAsync(database, meta, transport, isSending: true);
        await meta.WaitForAsync(one => one.ReceivedCount > 0, TimeSpan.FromMinutes(1));
        var started = Stopwatch.GetTimestamp();
        await WaitAsync(database, "select count(*) from dispatch_queue", 0);
        var elapsed = Stopwatch.GetElapsedTime(started);
        var confirmed = await ScalarAsync(database, "select count(*) from mt_events where type = 'dispatch_succeeded'");
        Console.WriteLine(
            FormattableString.Invariant(
                $"{by}: {confirmed} acknowledged and recorded in {elapsed.TotalSeconds:0.0} s: {confirmed / elapsed.TotalSeconds:0}/s, {meta.Requests} requests, {meta.Duplicates} sent twice"
            )
        );
        await ScalarAsync(database, "select count(*) from dispatch_queue");
        Console.WriteLine(
            FormattableString.Invariant($"the queue, empty, takes {await SizeAsync(database):0.0} MB before its next vacuum")
        );
    }

    /// <summary>How long others' sales take beside a pixel that never answers and has a hundred times their volume, against without it.</summary>
    public static async Task FairnessAsync(string cluster, TimeSpan duration, int perSecond, int backlog, string by)
    {
        await using var database = await Scratch.CreateAsync(cluster);
        await using var transport = await Transport.StartAsync(by);
        await using var meta = await MetaStandInServer.StartAsync(new MetaStandInOptions());
        meta.Inject(MetaFault.Delay(MetaTakes));
        await using var host = await StartAsync(database, meta, transport, isSending: true);
        var others = await AddTenantsAsync(host, "other", 20);
        var ill = await AddTenantsAsync(host, "ill", 1);
        await PacedAsync(host, others, TimeSpan.FromSeconds(3), perSecond);
        var alone = await PacedAsync(host, others, duration, perSecond);
        Print($"{by}: alone", alone);

        meta.Inject(MetaFault.Hang() with { Pixel = PixelOf("ill", 0) });
        await AppendAsync(host, ill, backlog);
        await WaitAsync(database, "select count(*) from dispatch_queue where tenant_id like 'ill-%'", backlog);
        await ProjectedAsync(host);
        var beside = await PacedAsync(host, others, duration, perSecond);
        Print(FormattableString.Invariant($"{by}: beside {backlog} of a pixel that never answers"), beside);
        Console.WriteLine(
            FormattableString.Invariant($"p99 beside / alone: {beside.P99 / alone.P99:0.00}; p50: {beside.P50 / alone.P50:0.00}")
        );
        // The hanging requests must not be waited for.
        meta.ClearFaults();
    }

    /// <summary>The table alone: as many messages as asked for go through it, and it stays as small as what waits in it.</summary>
    public static async Task QueueAsync(string cluster, int messages)
    {
        const int Batch = 1000;
        await using var database = await Scratch.CreateAsync(cluster);
        await using var meta = await MetaStandInServer.StartAsync(new MetaStandInOptions());
        await using (await StartAsync(database, meta, null, isSending: false))
        {
            // Only for its schema.
        }

        var started = Stopwatch.GetTimestamp();
        for (var done = 0; done < messages; done += Batch)
        {
            await ExecuteAsync(
                database,
                $"""
                insert into dispatch_queue (dispatch_id, tenant_id, conversion_id, pixel_id, due_at, requested_at, expires_at)
                select gen_random_uuid()::text || '/1', 'acme', 'perfectpay-' || n, (n % 10)::text, now(), now(), now() + interval '7 days'
                from generate_series(1, {Batch}) n
                """
            );
            await ExecuteAsync(
                database,
                $"""
                with taken as (
                    select dispatch_id from dispatch_take(gen_random_uuid(), now(), now() + interval '15 seconds', 500, {Batch}, array[]::varchar[], array[]::varchar[], '', '', true)
                )
                select count(*) from taken
                """
            );
            await ExecuteAsync(database, "delete from dispatch_queue where claimed_until is not null");
            if ((done + Batch) % (messages / 10) == 0)
                Console.WriteLine(
                    FormattableString.Invariant(
                        $"{done + Batch, 9} messages: {await SizeAsync(database), 6:0.0} MB, {(done + Batch) / Stopwatch.GetElapsedTime(started).TotalSeconds:0}/s"
                    )
                );
        }
    }

    private static async Task ExecuteAsync(Scratch database, string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static void Print(string what, Measured measured) =>
        Console.WriteLine(
            FormattableString.Invariant(
                $"{what}: {measured.Operations} sales, received → acknowledged p50 {measured.P50:0} ms, p95 {measured.P95:0} ms, p99 {measured.P99:0} ms"
            )
        );

    private static async Task<TrackAiApplication> StartAsync(Scratch database, MetaStandInServer meta, Transport? transport, bool isSending)
    {
        var application = await BenchHost.BuildAsync(database.ConnectionString, meta.BaseUrl, transport: transport, isSending: isSending);
        await application.StartAsync();
        return application;
    }

    private static string PixelOf(string kind, int number) => $"{(kind == "ill" ? 9 : 1)}{number:00000000000000}";

    private static async Task<IReadOnlyList<string>> AddTenantsAsync(TrackAiApplication host, string kind, int count)
    {
        var tenants = host.Services.GetRequiredService<ITenantAdministration>();
        var directory = host.Services.GetRequiredService<ITenantDirectory>();
        string[] slugs = [.. Enumerable.Range(0, count).Select(number => $"{kind}-{number}")];
        for (var number = 0; number < count; number++)
        {
            await tenants.AddTenantAsync(slugs[number], slugs[number]);
            await tenants.SetPixelAsync(slugs[number], PixelOf(kind, number), "benchmark-token");
        }

        await Eventually.TrueAsync(
            () =>
                Task.FromResult(
                    slugs.Select((slug, number) => directory.FindPixel(slug, PixelOf(kind, number))).All(pixel => pixel is not null)
                ),
            "the tenants are known"
        );
        return slugs;
    }

    private static async Task AppendAsync(TrackAiApplication host, IReadOnlyList<string> tenants, int count)
    {
        var next = 0;
        await Task.WhenAll(
            Enumerable
                .Range(0, 128)
                .Select(_ =>
                    Task.Run(async () =>
                    {
                        for (int number; (number = Interlocked.Increment(ref next)) <= count; )
                            await SellAsync(host, tenants[number % tenants.Count], $"{number:0000000}");
                    })
                )
        );
    }

    private static async Task SellAsync(TrackAiApplication host, string tenant, string order)
    {
        var (store, people) = (host.Services.GetRequiredService<PostgresEventStore>(), host.Services.GetRequiredService<IPersonalData>());
        var now = TimeProvider.System.GetUtcNow();
        var conversion = Streams.ConversionId("perfectpay", order);
        var stream = Streams.Conversion(conversion);
        var buyer = people.SealNew(
            tenant,
            stream,
            new Person
            {
                Email = $"{order}@example.com",
                Phone = Buyer.Phone(),
                FullName = "Idalina Furtado Prates",
                City = "Fortaleza",
                State = "CE",
                Fbp = Buyer.Fbp(),
            }
        );
        await store.AppendAsync(
            new Append(
                new StreamId(tenant, stream),
                [
                    new ConversionReceived(
                        conversion,
                        "perfectpay",
                        order,
                        Ids.EventId(tenant, "perfectpay", order, "Purchase"),
                        ConversionKind.Sale,
                        PaymentState.Approved,
                        new Money(197.00m, "BRL"),
                        "PPPB0AQX",
                        null,
                        new Campaign("FB", null, null, null, null, null, null, null),
                        new Identifiers(false, false, true, true, true, false),
                        now,
                        now,
                        "approved",
                        order,
                        [],
                        buyer.Protected
                    ),
                ]
            )
            {
                SideEffects = [buyer.Key!],
            }
        );
    }

    // What is measured is the sending beside it, not the reading of what it appended.
    private static async Task ProjectedAsync(TrackAiApplication host)
    {
        var mark = await host.Services.GetRequiredService<PostgresEventStore>().ReadHighWaterMarkAsync();
        foreach (var projection in host.Services.GetServices<IProjection>())
            await host.Services.GetRequiredService<ProjectionProgress>().WaitForAsync(projection.Name, mark, TimeSpan.FromMinutes(5));
    }

    private static async Task<Measured> PacedAsync(TrackAiApplication host, IReadOnlyList<string> tenants, TimeSpan duration, int perSecond)
    {
        var store = host.Services.GetRequiredService<PostgresEventStore>();
        var from = await store.ReadHighWaterMarkAsync();
        var (started, sales) = (Stopwatch.GetTimestamp(), new List<Task>());
        var run = Convert.ToHexString(RandomNumberGenerator.GetBytes(4));
        for (var number = 0; Stopwatch.GetElapsedTime(started) < duration; number++)
        {
            var due = TimeSpan.FromSeconds(number / (double)perSecond) - Stopwatch.GetElapsedTime(started);
            if (due > TimeSpan.FromMilliseconds(1))
                await Task.Delay(due);
            sales.Add(SellAsync(host, tenants[number % tenants.Count], $"{run}-{number}"));
        }

        await Task.WhenAll(sales);
        var latencies = await Eventually.ValueAsync(
            async () => await LatenciesAsync(store, from, tenants) is var read && read.Length == sales.Count ? read : null,
            "every sale is acknowledged",
            TimeSpan.FromMinutes(2)
        );
        Array.Sort(latencies);
        double At(double share) => latencies[(int)Math.Min(latencies.Length - 1, latencies.Length * share)];
        return new Measured(0, latencies.Length, duration, At(0.5), At(0.95), At(0.99));
    }

    private static async Task<double[]> LatenciesAsync(PostgresEventStore store, long from, IReadOnlyList<string> tenants)
    {
        var received = new Dictionary<StreamId, DateTimeOffset>();
        var latencies = new List<double>();
        await foreach (var recorded in store.ReadAllAsync(from))
            if (!tenants.Contains(recorded.TenantId, StringComparer.Ordinal))
                continue;
            else if (recorded.Data is ConversionReceived conversion)
                received[recorded.Stream] = conversion.ReceivedAt;
            else if (recorded.Data is DispatchSucceeded sent && received.TryGetValue(recorded.Stream, out var at))
                latencies.Add((sent.AttemptedAt - at).TotalMilliseconds);
        return [.. latencies];
    }

    private static Task WaitAsync(Scratch database, string sql, long count) =>
        Eventually.TrueAsync(async () => await ScalarAsync(database, sql) == count, $"{sql} is {count}", TimeSpan.FromMinutes(20));

    private static async Task<double> SizeAsync(Scratch database) =>
        await ScalarAsync(database, "select pg_total_relation_size('dispatch_queue')") / 1024.0 / 1024.0;

    private static async Task<long> ScalarAsync(Scratch database, string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>A database of its own, dropped afterwards.</summary>
    private sealed class Scratch(string cluster, string name) : IAsyncDisposable
    {
        public string ConnectionString { get; } = new NpgsqlConnectionStringBuilder(cluster) { Database = name }.ConnectionString;

        public NpgsqlDataSource DataSource { get; } =
            EventStoreModule.CreateDataSource(new NpgsqlConnectionStringBuilder(cluster) { Database = name }.ConnectionString);

        public static async Task<Scratch> CreateAsync(string cluster)
        {
            var name = $"bench_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";
            await ExecuteAsync(cluster, $"create database {name}");
            return new Scratch(cluster, name);
        }

        public async ValueTask DisposeAsync()
        {
            await DataSource.DisposeAsync();
            await ExecuteAsync(cluster, $"drop database {name} with (force)");
        }

        private static async Task ExecuteAsync(string connectionString, string sql)
        {
            await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false });
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }
}
