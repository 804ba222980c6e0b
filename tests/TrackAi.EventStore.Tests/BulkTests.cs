using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>Projections that are given tens of thousands of events at once when they lie far behind.</summary>
public sealed class BulkTests : IAsyncLifetime
{
    /// <summary>The largest page that a projection is given near the end of the log.</summary>
    private const int SmallPage = 1000;

    private readonly OrdersDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Large_pages_end_at_the_rows_that_small_ones_end_at()
    {
        IBulkProbe[] small = [new PaidByMembers(), new PaidBySet()];
        await using (var host = await StartAsync(small))
            for (var part = 0; part < 2; part++)
            {
                await ImportAsync(host, Payments(30_000, part * 30_000));
                await host.CaughtUpAsync("PaidByMembers", "PaidBySet");
            }
        small.ShouldAllBe(projection => projection.Largest <= SmallPage);
        await ShouldEqualTheLogAsync("PaidByMembers");
        await ShouldEqualTheLogAsync("PaidBySet");
        var (members, set) = (await RowsAsync("PaidByMembers"), await RowsAsync("PaidBySet"));

        await database.ExecuteAsync(
            "truncate paid_by_members, paid_by_set; delete from mt_event_progression where name in ('PaidByMembers:All', 'PaidBySet:All')"
        );
        IBulkProbe[] large = [new PaidByMembers(), new PaidBySet()];
        await using var again = await StartAsync(large);
        await again.CaughtUpAsync("PaidByMembers", "PaidBySet");

        large.ShouldAllBe(projection => projection.Largest > 10 * SmallPage, "otherwise the test tests nothing");
        (await RowsAsync("PaidByMembers")).ShouldBe(members);
        (await RowsAsync("PaidBySet")).ShouldBe(set);
        members.ShouldBe(set);
    }

    [Theory]
    [InlineData(typeof(PaidByMembers))]
    [InlineData(typeof(PaidBySet))]
    public async Task A_poison_event_among_many_stops_its_shard_at_exactly_that_event_until_it_is_skipped_and_a_rebuild_takes_it_back(
        Type kind
    )
    {
        var projection = (IBulkProbe)Activator.CreateInstance(kind)!;
        var name = projection.Name;
        await using (var importer = await database.StartAsync(daemon: false))
            await ImportAsync(
                importer,
                [
                    .. Payments(30_000),
                    new ImportedEvent(Orders.Stream("bad"), new OrderPaid(-7), Day),
                    .. Payments(75_000, 30_000, "behind"),
                ]
            );
        // Across streams an import keeps the order only roughly.
        var poison = await database.ScalarAsync<long>("select seq_id from mt_events where stream_id = 'order-bad'");
        poison.ShouldBeInRange(1001, 54_000, "it is neither in the first page nor in the last");

        await using var host = await StartAsync(projection);
        var progress = host.Services.GetRequiredService<ProjectionProgress>();
        var stopped = await Eventually.ValueAsync(
            async () => (await progress.ReadAsync()).SingleOrDefault(shard => shard.Name == $"{name}:All" && shard.State == "stopped"),
            "the shard to stop"
        );
        stopped.ErrorSequence.ShouldBe(poison);
        stopped.Progress.ShouldBe(poison - 1);
        stopped.Error.ShouldNotBeNull().ShouldContain("is negative");
        await ShouldEqualTheLogAsync(name, $"seq_id < {poison}");

        (await progress.SkipAsync(name)).ShouldBeTrue();
        await host.CaughtUpAsync(name);
        await ShouldEqualTheLogAsync(name, $"seq_id <> {poison}");
        projection.Largest.ShouldBeGreaterThan(10 * SmallPage, "what lies behind it is taken in large pages again");
        (await DeadLettersAsync()).ShouldBe([poison]);

        var rebuilder = host.Services.GetRequiredService<ProjectionRebuilder>();
        var failed = await Should.ThrowAsync<RebuildFailedException>(rebuilder.RebuildAsync(name));
        failed.Message.ShouldContain("is negative");
        failed.Message.ShouldContain($"cannot apply event {poison} (order_paid, stream acme/order-bad)");
        await ShouldEqualTheLogAsync(name, $"seq_id <> {poison}");
        (await DeadLettersAsync()).ShouldBe([poison], "a rebuild that failed takes nothing back");

        projection.Digests = true;
        await rebuilder.RebuildAsync(name);
        await ShouldEqualTheLogAsync(name);
        (await DeadLettersAsync()).ShouldBeEmpty();
        (await host.Services.GetRequiredService<SchemaMigrator>().AssertAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(typeof(PaidByMembers))]
    [InlineData(typeof(PaidBySet))]
    public async Task A_rebuild_that_was_killed_between_large_pages_goes_on_there_and_ends_at_the_live_rows_with_all_indexes(Type kind)
    {
        var live = (IBulkProbe)Activator.CreateInstance(kind)!;
        var name = live.Name;
        await using var host = await StartAsync(live);
        await ImportAsync(host, Payments(75_000));
        await host.CaughtUpAsync(name);
        var rows = await RowsAsync(name);

        // Every connection dies in the middle of the second page, and the process with them.
        var dying = (IBulkProbe)Activator.CreateInstance(kind)!;
        var writes = 0;
        dying.BeforeWrite = () =>
            ++writes == 2
                ? database.ExecuteAsync(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                )
                : Task.CompletedTask;
        await using (var killed = await StartAsync(daemon: false, dying))
            await Should.ThrowAsync<Exception>(killed.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync(name));
        (await database.ScalarAsync<long>("select position from es_rebuild")).ShouldBe(50_000);
        (
            await database.ScalarAsync<long>(
                $"select count(*) from pg_indexes where schemaname = 'rebuild_{name.ToLowerInvariant()}' and tablename = '{live.Tables[0]}'"
            )
        ).ShouldBe(1, "only the key's index is kept up while the tables fill");
        (await host.Services.GetRequiredService<SchemaMigrator>().AssertAsync()).ShouldBeEmpty("the live tables are as they were");
        await AppendAsync(host, 50);

        var resuming = (IBulkProbe)Activator.CreateInstance(kind)!;
        var resumed = 0;
        resuming.BeforeWrite = () => Task.FromResult(++resumed);
        await using var second = await StartAsync(daemon: false, resuming);
        await second.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync(name);
        await host.CaughtUpAsync(name);

        resuming.Largest.ShouldBeLessThan(75_000, "the first page was not done again");
        resumed.ShouldBeGreaterThan(0);
        await ShouldEqualTheLogAsync(name);
        (await RowsAsync(name)).ShouldNotBe(rows, "what was appended meanwhile is in it");
        (
            await database.ScalarAsync<string>(
                $"select string_agg(indexname, ',' order by indexname) from pg_indexes where schemaname = 'public' and tablename = '{live.Tables[0]}'"
            )
        ).ShouldBe($"{live.Tables[0]}_last,{live.Tables[0]}_most,{live.Tables[0]}_pkey");
        (await host.Services.GetRequiredService<SchemaMigrator>().AssertAsync()).ShouldBeEmpty();
        (await database.ScalarAsync<long>("select count(*) from pg_namespace where nspname like 'rebuild%'")).ShouldBe(0);
    }

    private static readonly DateTimeOffset Day = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static IEnumerable<ImportedEvent> Payments(int count, int from = 0, string name = "bulk") =>
        Enumerable
            .Range(from, count)
            .Select(number => new ImportedEvent(
                Orders.Stream($"{name}-{number % 500}"),
                // Some are not for these projections.
                number % 10
                == 0
                    ? new OrderNoted("x")
                    : new OrderPaid(number),
                Day.AddSeconds(number)
            ));

    private static async Task ImportAsync(TestHost host, IEnumerable<ImportedEvent> events) =>
        await host.Services.GetRequiredService<EventImporter>().ImportAsync(events);

    private static async Task AppendAsync(TestHost host, int count) =>
        await Task.WhenAll(
            Enumerable
                .Range(0, count)
                .Select(index => host.Store.AppendAsync(new Append(Orders.Stream($"one-by-one-{index}"), [new OrderPaid(index)])))
        );

    private Task<TestHost> StartAsync(params IBulkProbe[] projections) => StartAsync(daemon: true, projections);

    private Task<TestHost> StartAsync(bool daemon, params IBulkProbe[] projections) =>
        database.StartAsync(
            daemon,
            services =>
            {
                foreach (var projection in projections)
                    services.AddSingleton<IProjection>(projection);
                services.AddSchema("bulk", Assembly.GetExecutingAssembly());
            }
        );

    private static string TableOf(string projection) => projection == "PaidBySet" ? "paid_by_set" : "paid_by_members";

    private Task<string[]> RowsAsync(string projection) =>
        database.ScalarAsync<string[]>(
            $"select array_agg(format('%s|%s|%s|%s', bucket, payments, paid, last_amount) order by bucket) from {TableOf(projection)}"
        );

    private async Task ShouldEqualTheLogAsync(string projection, string condition = "true") =>
        (await RowsAsync(projection)).ShouldBe(
            await database.ScalarAsync<string[]>(
                $"""
                select array_agg(format('%s|%s|%s|%s', bucket, payments, paid, last_amount) order by bucket) from (
                    select mod(a, 100)::int as bucket, count(*) as payments, sum(a) as paid, (array_agg(a order by seq_id desc))[1] as last_amount
                    from mt_events e, lateral (select (e.data ->> 'amount')::numeric) as amount(a)
                    where type = 'order_paid' and {condition} group by 1
                ) l
                """
            )
        );

    private async Task<long[]> DeadLettersAsync() =>
        await database.ScalarAsync<long[]>(
            "select array(select (data ->> 'EventSequence')::bigint from mt_doc_deadletterevent order by 1)"
        );
}
