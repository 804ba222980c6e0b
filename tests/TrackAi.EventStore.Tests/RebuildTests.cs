using System.Diagnostics.Metrics;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>Paid per buyer; its table is made by a script of this assembly, as a module's is.</summary>
internal sealed class PaidPerStream : IProjection
{
    public string Name => "PaidPerStream";

    /// <summary>A test may say that the code has moved on.</summary>
    public static int BuiltAs { get; set; } = 1;

    public int Version => BuiltAs;

    public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(OrderPaid)];

    public IReadOnlyList<string> Tables { get; } = ["paid_per_stream"];

    /// <summary>Called before each page; a test may make it fail or wait.</summary>
    public static Func<IReadOnlyList<RecordedEvent>, Task> BeforePage { get; set; } = _ => Task.CompletedTask;

    public async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // As one does that looks at what is there.
        await using (var look = new NpgsqlCommand("select count(*) from paid_per_stream", connection))
            await look.ExecuteScalarAsync(cancellationToken);
        await BeforePage(events);
        await using var upsert = new NpgsqlCommand(
            """
            insert into paid_per_stream as p (stream, payments, paid)
            select s, count(*), sum(a) from unnest($1, $2) u(s, a) group by s
            on conflict (stream) do update set payments = p.payments + excluded.payments, paid = p.paid + excluded.paid
            """,
            connection
        );
        upsert.Parameters.Add(
            new()
            {
                Value = events.Select(recorded => recorded.Stream.Id).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
            }
        );
        upsert.Parameters.Add(new() { Value = events.Select(recorded => ((OrderPaid)recorded.Data).Amount).ToArray() });
        await upsert.ExecuteNonQueryAsync(cancellationToken);
    }
}

public sealed class RebuildTests : IAsyncLifetime
{
    private readonly OrdersDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync()
    {
        (PaidPerStream.BeforePage, PaidPerStream.BuiltAs) = (_ => Task.CompletedTask, 1);
        return database.DisposeAsync();
    }

    [Fact]
    public async Task A_read_model_rebuilt_while_events_go_on_equals_the_live_one_and_its_readers_never_see_it_empty()
    {
        await using var host = await StartAsync();
        await AppendAsync(host, "before", 60);
        await host.CaughtUpAsync("PaidPerStream");
        // Damage that only a rebuild can mend, and a view that people read.
        await database.ExecuteAsync("update paid_per_stream set paid = -1; insert into paid_per_stream values ('order-nobody', 1, 1)");
        using var stop = new CancellationTokenSource();
        var smallest = long.MaxValue;
        var reading = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                smallest = Math.Min(smallest, await database.ScalarAsync<long>("select sum(payments)::bigint from paid_view"));
        });
        var appending = AppendAsync(host, "meanwhile", 200);

        await host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");
        await appending;
        await host.CaughtUpAsync("PaidPerStream");
        await stop.CancelAsync();
        await reading;

        (await DifferencesAsync()).ShouldBe(0, "rebuilt and live are the same, row for row");
        smallest.ShouldBeGreaterThanOrEqualTo(61);
        (await database.ScalarAsync<long>("select sum(payments)::bigint from paid_view")).ShouldBe(
            260,
            "a view over the table reads the new one"
        );
        (await database.ScalarAsync<long>("select count(*) from pg_namespace where nspname like 'rebuild%'")).ShouldBe(0);
        (
            await database.ScalarAsync<string>(
                "select string_agg(indexname, ',' order by indexname) from pg_indexes where schemaname = 'public' and tablename = 'paid_per_stream'"
            )
        ).ShouldBe("paid_per_stream_pkey,paid_per_stream_richest", "the new table has the names of the old one");
    }

    [Fact]
    public async Task A_host_whose_code_builds_a_read_model_in_another_way_rebuilds_it_while_the_old_rows_are_read()
    {
        await using (var before = await StartAsync())
        {
            await AppendAsync(before, "before", 60);
            await before.CaughtUpAsync("PaidPerStream");
        }

        await database.ExecuteAsync("update paid_per_stream set paid = -1");
        await using (var same = await StartAsync())
        {
            await AppendAsync(same, "same", 1);
            await same.CaughtUpAsync("PaidPerStream");
            (await DifferencesAsync()).ShouldBeGreaterThan(0, "the same version leaves what it finds");
        }

        var (entered, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        PaidPerStream.BuiltAs = 2;
        PaidPerStream.BeforePage = _ =>
        {
            entered.TrySetResult();
            return release.Task;
        };
        await using var host = await StartAsync();
        await entered.Task;
        (await database.ScalarAsync<long>("select count(*) from paid_per_stream where paid = -1")).ShouldBeGreaterThan(0);
        release.SetResult();

        await Eventually.TrueAsync(async () => await DifferencesAsync() == 0, "the read model is built anew");
        (await database.ScalarAsync<int>("select version from es_projection where name = 'PaidPerStream'")).ShouldBe(2);
    }

    [Fact]
    public async Task A_rebuild_that_was_cut_off_goes_on_where_it_was()
    {
        await using var host = await StartAsync(daemon: false);
        for (var round = 0; round < 11; round++)
            await host.Store.AppendAsync(
                new Append(Orders.Stream($"long-{round}"), [.. Enumerable.Range(0, 1000).Select(amount => new OrderPaid(amount))])
            );
        var pages = 0;
        PaidPerStream.BeforePage = _ => ++pages == 2 ? throw new InvalidOperationException("the power went off") : Task.CompletedTask;

        var failed = await Should.ThrowAsync<RebuildFailedException>(
            host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream")
        );
        var seen = 0;
        PaidPerStream.BeforePage = page =>
        {
            seen += page.Count;
            return Task.CompletedTask;
        };
        await host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("paidperstream");

        failed.Message.ShouldContain("5001 to 10000");
        seen.ShouldBe(6000, "the first page of 5000 was not done again");
        (await DifferencesAsync()).ShouldBe(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    public async Task A_rebuild_that_fails_names_the_event_and_changes_nothing_whether_it_is_in_a_page_or_in_the_swap(int rounds)
    {
        await using var host = await StartAsync();
        for (var round = 0; round < rounds; round++)
            await host.Store.AppendAsync(
                new Append(Orders.Stream($"named-{round}"), [.. Enumerable.Range(0, 700).Select(amount => new OrderPaid(amount))])
            );
        await host.CaughtUpAsync("PaidPerStream");
        var poison = await database.ScalarAsync<long>(
            "select seq_id from mt_events where stream_id = $1 and version = 333",
            $"order-named-{rounds - 1}"
        );
        await database.ExecuteAsync("""update mt_events set data = '{"amount":"much"}' where seq_id = $1""", poison);

        var failed = await Should.ThrowAsync<RebuildFailedException>(
            host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream")
        );

        failed.Message.ShouldContain($"cannot apply event {poison} (order_paid, stream acme/order-named-{rounds - 1})");
        failed.Message.ShouldContain("does not fit OrderPaid at $.amount");
        (await database.ScalarAsync<long>("select sum(payments)::bigint from paid_per_stream")).ShouldBe(700 * rounds);

        await database.ExecuteAsync("""update mt_events set data = '{"amount":332}' where seq_id = $1""", poison);
        await host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");
        (await DifferencesAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_host_goes_on_with_a_rebuild_whose_connection_was_cut()
    {
        await using (var before = await StartAsync())
        {
            await AppendAsync(before, "before", 60);
            await before.CaughtUpAsync("PaidPerStream");
        }

        await database.ExecuteAsync("update paid_per_stream set paid = -1");
        var pages = 0;
        PaidPerStream.BuiltAs = 2;
        PaidPerStream.BeforePage = async _ =>
        {
            if (Interlocked.Increment(ref pages) == 1)
                await database.ExecuteAsync(
                    """
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and state = 'idle in transaction' and pid <> pg_backend_pid()
                    """
                );
        };
        await using var host = await StartAsync();

        await Eventually.TrueAsync(async () => await DifferencesAsync() == 0, "the rebuild was taken up again");
    }

    [Fact]
    public async Task A_rebuild_shows_how_far_it_is_as_a_metric_until_it_ends()
    {
        await using var host = await StartAsync(daemon: false);
        for (var round = 0; round < 11; round++)
            await host.Store.AppendAsync(
                new Append(Orders.Stream($"shown-{round}"), [.. Enumerable.Range(0, 1000).Select(amount => new OrderPaid(amount))])
            );
        var shown = new List<double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Name == "trackai.projection.rebuild.progress")
                    listening.EnableMeasurementEvents(instrument);
            },
        };
        // Other tests of this process rebuild other projections meanwhile.
        listener.SetMeasurementEventCallback<double>(
            (_, percent, tags, _) =>
            {
                if (tags.ToArray().Contains(new KeyValuePair<string, object?>("projection", "PaidPerStream")))
                    shown.Add(percent);
            }
        );
        listener.Start();
        PaidPerStream.BeforePage = _ =>
        {
            listener.RecordObservableInstruments();
            return Task.CompletedTask;
        };

        await host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");
        shown.ShouldContain(percent => percent > 40 && percent < 50, "after the first of 11,000 events' pages of 5,000");
        shown.Clear();
        listener.RecordObservableInstruments();

        shown.ShouldBeEmpty();
    }

    [Fact]
    public async Task Two_rebuilds_of_one_projection_do_not_get_into_each_others_way()
    {
        await using var host = await StartAsync(daemon: false);
        for (var round = 0; round < 6; round++)
            await host.Store.AppendAsync(
                new Append(Orders.Stream($"two-{round}"), [.. Enumerable.Range(0, 1000).Select(amount => new OrderPaid(amount))])
            );
        var entered = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        PaidPerStream.BeforePage = _ =>
        {
            entered.TrySetResult();
            return release.Task;
        };

        var first = host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");
        await entered.Task;
        var second = await Should.ThrowAsync<InvalidOperationException>(
            host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream")
        );
        release.SetResult();
        await first;

        second.Message.ShouldContain("another process");
        (await DifferencesAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_swap_waits_for_no_other_projection_also_where_a_view_reads_both()
    {
        await using var host = await StartAsync(daemon: false);
        await AppendAsync(host, "few", 5);
        await database.ExecuteAsync(
            """
            create view both_view as select p.stream, l.seq from paid_per_stream p left join order_log l using (stream);
            insert into es_shard (name) values ('OrderLog:All'), ('PaidPerStream:All') on conflict do nothing
            """
        );
        // Another shard in the middle of a page: it has written its table, and its row comes next.
        await using var other = await database.DataSource.OpenConnectionAsync();
        await using var page = await other.BeginTransactionAsync();
        await ExecuteAsync(other, "insert into order_log (seq, stream) values (4711, 'order-page')");
        await using var leases = await database.DataSource.OpenConnectionAsync();
        Task renewing = Task.CompletedTask,
            fencing = Task.CompletedTask;
        // So few events are applied inside the swap, when it has the row of its own shard.
        PaidPerStream.BeforePage = async _ =>
        {
            renewing = ExecuteAsync(leases, "update es_shard set leased_until = now() where name in ('OrderLog:All', 'PaidPerStream:All')");
            await WaitsAsync(leases);
            fencing = ExecuteAsync(other, "select from es_shard where name = 'OrderLog:All' for share");
            await WaitsAsync(other);
        };

        await host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");

        await renewing;
        await fencing;
        await page.RollbackAsync();
        (await DifferencesAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_reader_that_does_not_end_holds_up_a_swap_and_nobody_behind_it()
    {
        await using var host = await StartAsync(daemon: false);
        await AppendAsync(host, "read", 5);
        await using var reader = await database.DataSource.OpenConnectionAsync();
        await using var reading = await reader.BeginTransactionAsync();
        await ExecuteAsync(reader, "select from paid_view");

        var rebuilding = host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");
        await Eventually.TrueAsync(() => SomebodyWaitsAsync(true), "the swap to wait for the reader");
        await Eventually.TrueAsync(() => SomebodyWaitsAsync(false), "the swap to let others pass");
        await reading.RollbackAsync();
        await rebuilding;

        (await DifferencesAsync()).ShouldBe(0);
    }

    private async Task<bool> SomebodyWaitsAsync(bool does) =>
        await database.ScalarAsync<bool>(
            "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
        ) == does;

    [Fact]
    public async Task A_swap_waits_for_the_page_that_its_own_shard_is_applying()
    {
        var (entered, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        var pages = 0;
        PaidPerStream.BeforePage = async _ =>
        {
            if (Interlocked.Increment(ref pages) > 1)
                return;
            entered.SetResult();
            await release.Task;
        };
        await using var host = await StartAsync();
        await AppendAsync(host, "own", 5);
        // The page has looked at its table and not yet written.
        await entered.Task;

        var rebuilding = host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");
        await Eventually.TrueAsync(() => SomebodyWaitsAsync(true), "the swap to wait");
        release.SetResult();
        await rebuilding;
        await host.CaughtUpAsync("PaidPerStream");

        (await DifferencesAsync()).ShouldBe(0);
        (await database.ScalarAsync<long>("select deadlocks from pg_stat_database where datname = current_database()")).ShouldBe(0);
    }

    [Fact]
    public async Task A_page_that_another_host_overtook_stops_nobody()
    {
        var stopped = 0L;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Name == "trackai.projection.poisoned")
                    listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (_, count, tags, _) =>
            {
                if (tags.ToArray().Contains(new KeyValuePair<string, object?>("projection", "PaidPerStream:All")))
                    Interlocked.Add(ref stopped, count);
            }
        );
        listener.Start();
        var (entered, overtaken) = (new TaskCompletionSource(), new TaskCompletionSource());
        var pages = 0;
        PaidPerStream.BeforePage = async _ =>
        {
            if (Interlocked.Increment(ref pages) > 1)
                return;
            entered.SetResult();
            await overtaken.Task;
            throw new InvalidOperationException("a row of this page is there already");
        };
        await using var host = await StartAsync();
        await AppendAsync(host, "overtaken", 5);
        await entered.Task;

        // As another host does that takes the shard over.
        await database.ExecuteAsync(
            "update es_shard set token = token + 1, owner = null, leased_until = null where name = 'PaidPerStream:All'"
        );
        overtaken.SetResult();
        await AppendAsync(host, "after", 5);
        await host.CaughtUpAsync("PaidPerStream");

        stopped.ShouldBe(0);
        (await DifferencesAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_rebuild_leaves_paused_what_was_paused()
    {
        await using var host = await StartAsync();
        await AppendAsync(host, "before", 5);
        await host.CaughtUpAsync("PaidPerStream");
        var progress = host.Services.GetRequiredService<ProjectionProgress>();
        (await progress.PauseAsync("PaidPerStream")).ShouldBeTrue();

        await host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync("PaidPerStream");

        (await progress.ReadAsync()).Single(shard => shard.Name == "PaidPerStream:All").State.ShouldBe("paused");
    }

    private async Task WaitsAsync(NpgsqlConnection connection) =>
        await Eventually.TrueAsync(
            () =>
                database.ScalarAsync<bool>(
                    $"select wait_event_type is not distinct from 'Lock' from pg_stat_activity where pid = {connection.ProcessID}"
                ),
            "the statement to wait for a lock"
        );

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 180 };
        await command.ExecuteNonQueryAsync();
    }

    private Task<TestHost> StartAsync(bool daemon = true) =>
        database.StartAsync(
            daemon,
            services =>
            {
                services.AddProjection<PaidPerStream>();
                services.AddSchema("paid", Assembly.GetExecutingAssembly());
            }
        );

    private static async Task AppendAsync(TestHost host, string name, int count) =>
        await Task.WhenAll(
            Enumerable
                .Range(0, count)
                .Select(index =>
                    host.Store.AppendAsync(new Append(Orders.Stream($"{name}-{index % 7}"), [new OrderPaid(index), new OrderNoted("x")]))
                )
        );

    private Task<long> DifferencesAsync() =>
        database.ScalarAsync<long>(
            """
            select count(*) from (
                select stream_id, count(*), sum((data->>'amount')::numeric) from mt_events where type = 'order_paid' group by stream_id
            ) e(stream, payments, paid)
            full join paid_per_stream p on p.stream = e.stream
            where e.stream is null or p.stream is null or p.payments <> e.payments or p.paid <> e.paid
            """
        );
}
