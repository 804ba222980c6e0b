using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Matching;
using TrackAi.Privacy;

namespace TrackAi.Benchmarks;

/// <summary>
/// Sales decided a second, and how long after its acknowledgement a sale is decided, with many clicks stored. The clicks are not told to the program one
/// by one: their look-up rows are made by statements, straight in the module's tables, three to a click (token, fbclid, fbp) under random hashes; those
/// of the sales' own clicks under the real ones. The sales are real: sealed, appended, and decided by the subscription as in the product.
/// </summary>
internal static class MatchingBenchmark
{
    private const string Tenant = "bench";
    private const string Shard = "Matching";
    private const int Appenders = 64;

    public static Command Verb()
    {
        var clicks = new Option<long>("--clicks") { Description = "Clicks stored.", DefaultValueFactory = _ => 10_000_000 };
        var sales = new Option<int>("--sales") { Description = "Sales that wait to be decided.", DefaultValueFactory = _ => 60_000 };
        var rate = new Option<int>("--rate") { Description = "Sales a second while latency is measured.", DefaultValueFactory = _ => 500 };
        var seconds = Options.Seconds();
        var verb = new Command("matching", "Decisions a second and from sale to decision, with many clicks stored.")
        {
            clicks,
            sales,
            rate,
            seconds,
        };
        verb.SetAction(
            (parsed, cancellationToken) =>
                RunAsync(
                    parsed.GetValue(clicks),
                    parsed.GetValue(sales),
                    parsed.GetValue(rate),
                    TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                    cancellationToken
                )
        );
        return verb;
    }

    private static async Task RunAsync(long clicks, int sales, int rate, TimeSpan duration, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.OpenAsync($"bench_matching_{clicks}", fresh: false, cancellationToken);
        if (database.IsNew)
            await FillAsync(database, clicks, cancellationToken);
        await MeasureRateAsync(database, sales, cancellationToken);
        await MeasureLatencyAsync(database, rate, duration, cancellationToken);
    }

    private static async Task FillAsync(BenchDatabase database, long clicks, CancellationToken cancellationToken)
    {
        using var host = await StartAsync(database, runDaemon: false, cancellationToken);
        var started = Stopwatch.GetTimestamp();
        await using var connection = await host.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancellationToken);
        foreach (
            var sql in (string[])
                [
                    "set maintenance_work_mem = '1GB'",
                    "alter table match_key drop constraint match_key_pkey",
                    $"""
                        insert into match_key (tenant_id, rule, hash, clicked_at, click_id, position)
                        select '{Tenant}', r.rule,
                            case r.rule when 0 then convert_to('tk1_' || lpad(to_hex(n), 17, '0'), 'UTF8') else sha256((r.rule || '|' || n)::bytea) end,
                            now() - interval '90 days' * (1 - n::float8 / {clicks}), 'tk1_' || lpad(to_hex(n), 17, '0'), 0
                        from generate_series(1, {clicks}) n cross join (values (0::smallint), (1::smallint), (3::smallint)) r(rule)
                        """,
                    "alter table match_key add primary key (tenant_id, rule, hash, clicked_at, click_id)",
                    "analyze match_key",
                ]
        )
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var size = new NpgsqlCommand("select pg_size_pretty(pg_total_relation_size('match_key'))", connection);
        Console.WriteLine(
            FormattableString.Invariant(
                $"{clicks} clicks: look-up rows made in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s, {await size.ExecuteScalarAsync(cancellationToken)} with the index"
            )
        );
        await host.StopAsync(cancellationToken);
    }

    private static async Task MeasureRateAsync(BenchDatabase database, int count, CancellationToken cancellationToken)
    {
        long first,
            last;
        using (var edge = await StartAsync(database, runDaemon: false, cancellationToken))
        {
            var shop = new Shop(edge.Services);
            var sequences = await shop.SellAsync(await shop.PrepareAsync(count, cancellationToken), cancellationToken);
            (first, last) = (sequences.Min(), sequences.Max());
            await edge.StopAsync(cancellationToken);
        }

        using var host = await StartAsync(database, runDaemon: true, cancellationToken);
        var progress = host.Services.GetRequiredService<ProjectionProgress>();
        // The first tenth is to warm up.
        var begin = first + (last - first) / 10;
        await progress.WaitForAsync(Shard, begin, TimeSpan.FromMinutes(2), cancellationToken);
        var (position, started) = (await PositionAsync(progress, cancellationToken), Stopwatch.GetTimestamp());
        await progress.WaitForAsync(Shard, last, TimeSpan.FromMinutes(5), cancellationToken);
        var decided = (last - position) * (double)count / (last - first + 1);
        Console.WriteLine(
            FormattableString.Invariant(
                $"{decided:0} sales decided in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.00} s: {decided / Stopwatch.GetElapsedTime(started).TotalSeconds:0}/s"
            )
        );
        await PrintOutcomeAsync(host.Services, first, cancellationToken);
        await host.StopAsync(cancellationToken);
    }

    private static async Task MeasureLatencyAsync(BenchDatabase database, int rate, TimeSpan duration, CancellationToken cancellationToken)
    {
        using var host = await StartAsync(database, runDaemon: true, cancellationToken);
        var progress = host.Services.GetRequiredService<ProjectionProgress>();
        var shop = new Shop(host.Services);
        var prepared = await shop.PrepareAsync((int)(rate * duration.TotalSeconds), cancellationToken);
        var times = new List<double>();
        var measuring = new List<Task>();
        var appends = new List<Task>();
        var started = Stopwatch.GetTimestamp();
        foreach (var (sale, index) in prepared.Select((sale, index) => (sale, index)))
        {
            var due = TimeSpan.FromSeconds(index / (double)rate) - Stopwatch.GetElapsedTime(started);
            if (due > TimeSpan.FromMilliseconds(1))
                await Task.Delay(due, cancellationToken);
            var append = shop.AppendAsync(sale, cancellationToken);
            appends.Add(append);
            if (index % 25 == 0)
                measuring.Add(FollowAsync(append));
        }

        await Task.WhenAll(appends);
        await Task.WhenAll(measuring);
        times.Sort();
        Console.WriteLine(
            FormattableString.Invariant(
                $"from sale to decision at {rate}/s: p50 {times[times.Count / 2]:0} ms, p95 {times[(int)(times.Count * 0.95)]:0} ms, most {times[^1]:0} ms ({times.Count} looked at)"
            )
        );
        await host.StopAsync(cancellationToken);

        async Task FollowAsync(Task<long> append)
        {
            var sequence = await append;
            var acknowledged = Stopwatch.GetTimestamp();
            await progress.WaitForAsync(Shard, sequence, TimeSpan.FromMinutes(1), cancellationToken);
            lock (times)
                times.Add(Stopwatch.GetElapsedTime(acknowledged).TotalMilliseconds);
        }
    }

    private static async Task<long> PositionAsync(ProjectionProgress progress, CancellationToken cancellationToken) =>
        (await progress.ReadAsync(cancellationToken)).Single(shard => shard.Name.StartsWith(Shard, StringComparison.Ordinal)).Progress;

    private static async Task PrintOutcomeAsync(IServiceProvider services, long first, CancellationToken cancellationToken)
    {
        await using var select = services
            .GetRequiredService<NpgsqlDataSource>()
            .CreateCommand(
                """
                select coalesce(data ->> 'rule', data ->> 'reason') || ' ' || count(*) from mt_events
                where seq_id >= $1 and type in ('conversion_matched', 'conversion_unmatched') group by coalesce(data ->> 'rule', data ->> 'reason') order by 1
                """
            );
        select.Parameters.Add(new() { Value = first });
        var outcomes = new List<string>();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            outcomes.Add(reader.GetString(0));
        Console.WriteLine($"decided by: {string.Join(", ", outcomes)}");
    }

    private static async Task<IHost> StartAsync(BenchDatabase database, bool runDaemon, CancellationToken cancellationToken)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { DisableDefaults = true }
        );
        builder.Configuration.AddInMemoryCollection([
            new("EventStore:RunDaemon", $"{runDaemon}"),
            new("Secrets:MasterKey", Convert.ToBase64String(SHA256.HashData("benchmark"u8))),
        ]);
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole();
        builder.Services.AddEventStore(_ => database.ConnectionString, EventTypes.All, EventTypes.Metadata);
        builder.Services.AddSingleton<Ids>();
        builder.Services.AddPrivacy();
        builder.Services.AddMatching();
        builder.Services.AddSingleton<ITenantDirectory>(new NoFunnels());
        foreach (var other in builder.Services.Where(IsOtherSubscription).ToArray())
            builder.Services.Remove(other);
        var host = builder.Build();
        await host.Services.GetRequiredService<SchemaMigrator>().ApplyAsync(cancellationToken);
        await host.StartAsync(cancellationToken);
        return host;
    }

    // Matching alone is measured.
    private static bool IsOtherSubscription(ServiceDescriptor service) =>
        service.ServiceType == typeof(ISubscription) && service.ImplementationType?.Assembly != typeof(MatchingModule).Assembly;

    /// <summary>Of ten sales six carry their token, two the browser's cookie, one only an e-mail that a checkout told with the cookie; one has no click.</summary>
    private sealed class Shop(IServiceProvider services)
    {
        private readonly PostgresEventStore store = services.GetRequiredService<PostgresEventStore>();
        private readonly IPersonalData people = services.GetRequiredService<IPersonalData>();
        private readonly string run = RandomNumberGenerator.GetHexString(8, lowercase: true);

        public sealed record Prepared(Append Append);

        public async Task<IReadOnlyList<Prepared>> PrepareAsync(int count, CancellationToken cancellationToken)
        {
            var now = TimeProvider.System.GetUtcNow();
            var keys = new List<(short Rule, byte[] Hash, string ClickId)>();
            var links = new List<(byte[] Email, string Siblings)>();
            var sales = new List<Prepared>(count);
            for (var number = 0; number < count; number++)
            {
                var kind = number % 10;
                var (click, fbp, email) = (
                    ClickToken.New(),
                    $"fb.1.1793890500123.{RandomNumberGenerator.GetInt32(int.MaxValue)}{number}",
                    $"{run}-{number}@example.com"
                );
                if (kind < 9)
                {
                    keys.Add((0, Encoding.UTF8.GetBytes(click), click));
                    keys.Add((3, people.LookupHash(Tenant, "fbp", fbp), click));
                }

                if (kind == 8)
                    links.Add(
                        (
                            people.LookupHash(Tenant, "email", email),
                            $"{{\"\\\\x03{Convert.ToHexStringLower(people.LookupHash(Tenant, "fbp", fbp))}\"}}"
                        )
                    );
                sales.Add(SaleOf(number, kind < 6 ? click : null, kind is 6 or 7 ? fbp : null, email, now));
            }

            await InsertAsync(keys, links, now.AddHours(-1), cancellationToken);
            return sales;
        }

        public async Task<IReadOnlyList<long>> SellAsync(IReadOnlyList<Prepared> sales, CancellationToken cancellationToken)
        {
            var sequences = new long[sales.Count];
            await Parallel.ForAsync(
                0,
                sales.Count,
                new ParallelOptions { MaxDegreeOfParallelism = Appenders, CancellationToken = cancellationToken },
                async (index, token) => sequences[index] = await AppendAsync(sales[index], token)
            );
            return sequences;
        }

        public async Task<long> AppendAsync(Prepared sale, CancellationToken cancellationToken) =>
            ((AppendResult.Appended)await store.AppendAsync(sale.Append, cancellationToken)).Sequence;

        private Prepared SaleOf(int number, string? click, string? fbp, string email, DateTimeOffset now)
        {
            var order = $"{run}-{number}";
            var stream = new StreamId(Tenant, Streams.Conversion($"hotmart-{order}"));
            var buyer = people.SealNew(
                Tenant,
                stream.Id,
                new Person
                {
                    Email = email,
                    Phone = $"119{number % 100_000_000:00000000}",
                    FullName = "Ana Souza",
                    Fbp = fbp,
                }
            );
            return new Prepared(
                new Append(
                    stream,
                    [
                        new ConversionReceived(
                            $"hotmart-{order}",
                            "hotmart",
                            order,
                            Ids.EventId(Tenant, "hotmart", order, "Purchase"),
                            ConversionKind.Sale,
                            PaymentState.Approved,
                            new Money(197m, "BRL"),
                            "course",
                            click,
                            Campaign.None with
                            {
                                UtmSource = "FB",
                                UtmCampaign = "lancamento",
                                Sck = "FB|lancamento",
                            },
                            new Identifiers(false, false, fbp is not null, true, true, false),
                            now,
                            now,
                            "PURCHASE_APPROVED",
                            order,
                            [],
                            buyer.Protected
                        ),
                    ]
                )
                {
                    ExpectedVersion = 0,
                    SideEffects = [buyer.Key!],
                }
            );
        }

        private async Task InsertAsync(
            IReadOnlyList<(short Rule, byte[] Hash, string ClickId)> keys,
            IReadOnlyList<(byte[] Email, string Siblings)> links,
            DateTimeOffset at,
            CancellationToken cancellationToken
        )
        {
            await using var batch = services.GetRequiredService<NpgsqlDataSource>().CreateBatch();
            batch.BatchCommands.Add(
                new($"insert into match_key select '{Tenant}', k.rule, k.hash, $4, k.click, 0 from unnest($1, $2, $3) k(rule, hash, click)")
                {
                    Parameters =
                    {
                        new() { Value = keys.Select(key => key.Rule).ToArray() },
                        new() { Value = keys.Select(key => key.Hash).ToArray() },
                        new()
                        {
                            Value = keys.Select(key => key.ClickId).ToArray(),
                            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
                        },
                        new() { Value = at },
                    },
                }
            );
            batch.BatchCommands.Add(
                new(
                    $"insert into match_link select '{Tenant}', 4, l.hash, $3, 0, l.siblings::bytea[], null from unnest($1, $2) l(hash, siblings)"
                )
                {
                    Parameters =
                    {
                        new() { Value = links.Select(link => link.Email).ToArray() },
                        new()
                        {
                            Value = links.Select(link => link.Siblings).ToArray(),
                            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
                        },
                        new() { Value = at },
                    },
                }
            );
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private sealed class NoFunnels : ITenantDirectory
    {
        public Tenant? Find(string slug) => null;

        public GatewayConnection? FindConnection(string slug, string gateway) => null;

        public string? FindFunnel(string slug, string gateway, string? productId) => null;

        public IReadOnlyList<string> RoutePixels(string slug, string gateway, string? productId) => [];

        public bool SendsRenewals(string slug, string gateway, string? productId) => false;

        public Pixel? FindPixel(string slug, string pixelId) => null;
    }
}
