using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

public sealed class ImporterTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Day = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly OrdersDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Events_of_a_stream_keep_their_order_and_their_time_and_are_numbered_without_a_hole()
    {
        await using var host = await database.StartAsync(daemon: false);
        var reported = new Reported();

        (await ImporterOf(host).ImportAsync(Numbered(90_000), reported)).ShouldBe(90_000);

        reported.Values.Max().ShouldBe(90_000);
        reported.Values.Count.ShouldBeGreaterThan(2, "it was written in several transactions");
        (await WrongAsync()).ShouldBe(0);
        (await database.ScalarAsync<long>("select count(*) from mt_events")).ShouldBe(90_000);
        var read = await host.Store.ReadStreamAsync(Orders.Stream("import-3"));
        read.Count.ShouldBe(900);
        read[4].Timestamp.ShouldBe(Day.AddSeconds(403));
        (await host.Store.ReadHighWaterMarkAsync()).ShouldBe(90_000);
    }

    [Fact]
    public async Task A_stream_that_is_there_is_continued_and_can_be_appended_to_afterwards()
    {
        await using var host = await database.StartAsync(daemon: false);
        var stream = Orders.Stream("continued");
        await host.Store.AppendAsync(new Append(stream, [new OrderPaid(1), new OrderPaid(2)]));

        await ImporterOf(host).ImportAsync(Enumerable.Range(3, 3).Select(amount => new ImportedEvent(stream, new OrderPaid(amount), Day)));
        await ImporterOf(host).ImportAsync([new ImportedEvent(stream, new OrderPaid(6), Day)]);

        (await host.Store.AppendAsync(new Append(stream, [new OrderPaid(7)]) { ExpectedVersion = 5 })).ShouldBe(
            new AppendResult.WrongExpectedVersion(5, 6)
        );
        (await host.Store.AppendAsync(new Append(stream, [new OrderPaid(7)]) { ExpectedVersion = 6 }))
            .ShouldBeOfType<AppendResult.Appended>()
            .Version.ShouldBe(7);
        (await host.Store.ReadStreamAsync(stream))
            .Select(recorded => (recorded.Version, ((OrderPaid)recorded.Data).Amount))
            .ShouldBe(Enumerable.Range(1, 7).Select(number => ((long)number, (decimal)number)));
    }

    [Fact]
    public async Task An_archived_stream_is_refused_by_name_and_stays_as_it_was()
    {
        await using var host = await database.StartAsync(daemon: false);
        var stream = Orders.Stream("archived");
        await host.Store.AppendAsync(new Append(stream, [new OrderPaid(1)]));
        await database.ExecuteAsync("select mt_archive_stream('order-archived', 'acme')");

        var refused = await Should.ThrowAsync<ArchivedStreamException>(
            ImporterOf(host).ImportAsync([new ImportedEvent(stream, new OrderPaid(2), Day)])
        );

        refused.Message.ShouldContain("order-archived");
        refused.Message.ShouldContain("archived");
        (await database.ScalarAsync<long>("select count(*) from mt_events")).ShouldBe(1);
        (await database.ScalarAsync<long>("select version from mt_streams")).ShouldBe(1);
    }

    [Fact]
    public async Task An_import_beside_appends_of_two_hosts_hides_nothing_from_a_projection_that_follows()
    {
        await using var following = await database.StartAsync();
        await using var other = await database.StartAsync(daemon: false);
        using var done = new CancellationTokenSource();
        var appended = 0L;
        var appending = Task.WhenAll(Enumerable.Range(0, 8).Select(AppendAsync));

        await ImporterOf(other).ImportAsync(Numbered(60_000));
        await done.CancelAsync();
        await appending;
        await following.CaughtUpAsync("OrderLog");

        appended.ShouldBeGreaterThan(0);
        (await database.ScalarAsync<long>("select count(*) from mt_events")).ShouldBe(60_000 + appended);
        (await WrongAsync()).ShouldBe(0);
        (await database.ScalarAsync<long[]>("select array_agg(seq order by position) from order_log")).ShouldBe(
            await database.ScalarAsync<long[]>("select array_agg(seq_id order by seq_id) from mt_events")
        );

        async Task AppendAsync(int appender)
        {
            var host = appender % 2 == 0 ? following : other;
            for (var version = 1; !done.IsCancellationRequested; version++)
            {
                // Streams of its own, and one that is being imported.
                await host.Store.AppendAsync(new Append(Orders.Stream($"beside-{appender}"), [new OrderPaid(version)]));
                Interlocked.Increment(ref appended);
            }
        }
    }

    [Fact]
    public async Task Appends_to_a_stream_that_is_being_imported_are_numbered_among_its_events()
    {
        await using var host = await database.StartAsync(daemon: false);
        var stream = Orders.Stream("import-0");
        await host.Store.AppendAsync(new Append(stream, [new OrderNoted("before")]));
        var importing = ImporterOf(host).ImportAsync(Numbered(80_000));

        var appended = 0;
        for (; !importing.IsCompleted || appended < 10; appended++)
            (await host.Store.AppendAsync(new Append(stream, [new OrderNoted("meanwhile")]))).ShouldBeOfType<AppendResult.Appended>();
        await importing;

        (await host.Store.ReadStreamAsync(stream))
            .Select(recorded => recorded.Version)
            .ShouldBe(Enumerable.Range(1, 801 + appended).Select(version => (long)version));
    }

    [Fact]
    public async Task An_import_that_broke_off_is_finished_from_where_the_streams_stand()
    {
        await using var host = await database.StartAsync(daemon: false);

        var broken = await Should.ThrowAsync<IOException>(
            ImporterOf(host)
                .ImportAsync(Numbered(140_000).Select((one, index) => index < 130_000 ? one : throw new IOException("the file ends here")))
        );
        broken.Message.ShouldBe("the file ends here");
        (await WrongAsync()).ShouldBe(0, "whole transactions are stored, or nothing of them");
        var stored = await database.ScalarAsync<long>("select count(*) from mt_events");
        stored.ShouldBeInRange(1, 130_000);

        var versions = new Dictionary<string, long>(StringComparer.Ordinal);
        await using (var select = database.DataSource.CreateCommand("select id, version from mt_streams"))
        await using (var rows = await select.ExecuteReaderAsync())
            while (await rows.ReadAsync())
                versions[rows.GetString(0)] = rows.GetInt64(1);
        await ImporterOf(host)
            .ImportAsync(Numbered(140_000).Where(one => ((OrderPaid)one.Data).Amount > versions.GetValueOrDefault(one.Stream.Id)));

        (await WrongAsync()).ShouldBe(0);
        (await database.ScalarAsync<long>("select count(*) from mt_events")).ShouldBe(140_000);
        (await database.ScalarAsync<bool>("select bool_and(version = 1400) from mt_streams")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_projection_goes_on_after_an_import_that_Postgres_cut_off()
    {
        await using var host = await database.StartAsync();
        await database.ExecuteAsync(
            """
            create function refuse() returns trigger language plpgsql as $$
            begin
                if new.data ->> 'amount' = '700' then raise exception 'refused by the test'; end if;
                return new;
            end $$;
            create trigger refuse before insert on mt_events for each row execute function refuse();
            """
        );

        // Numbers were drawn, and their transaction is rolled back.
        (await Should.ThrowAsync<Npgsql.PostgresException>(ImporterOf(host).ImportAsync(Numbered(90_000)))).MessageText.ShouldBe(
            "refused by the test"
        );
        await host.Store.AppendAsync(new Append(Orders.Stream("after"), [new OrderPaid(1)]));
        await host.CaughtUpAsync("OrderLog");

        (await database.ScalarAsync<long[]>("select array_agg(seq order by position) from order_log")).ShouldBe(
            await database.ScalarAsync<long[]>("select array_agg(seq_id order by seq_id) from mt_events")
        );
    }

    /// <summary>Over a hundred streams in turn; an event's amount is its version.</summary>
    private static IEnumerable<ImportedEvent> Numbered(int count) =>
        Enumerable
            .Range(0, count)
            .Select(number => new ImportedEvent(
                Orders.Stream($"import-{number % 100}"),
                new OrderPaid((number / 100) + 1),
                Day.AddSeconds(number)
            ));

    /// <summary>Events whose version is not their place in the input, that overtook one of their stream, or whose stream says another version.</summary>
    private Task<long> WrongAsync() =>
        database.ScalarAsync<long>(
            """
            select count(*) from (
                select e.version, (e.data ->> 'amount')::numeric as amount, e.seq_id, lag(e.seq_id) over w as last, s.version as highest,
                       count(*) over (partition by e.stream_id) as events
                from mt_events e join mt_streams s on s.tenant_id = e.tenant_id and s.id = e.stream_id
                window w as (partition by e.stream_id order by e.version)
            ) e
            where amount <> version or last >= seq_id or highest <> events
            """
        );

    private static EventImporter ImporterOf(TestHost host) => host.Services.GetRequiredService<EventImporter>();

    private sealed class Reported : IProgress<long>
    {
        public ConcurrentQueue<long> Values { get; } = new();

        public void Report(long value) => Values.Enqueue(value);
    }
}
