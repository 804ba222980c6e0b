using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

public sealed class DaemonTests : IAsyncLifetime
{
    private readonly OrdersDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task The_progress_of_a_projection_is_told_while_the_log_moves_on_without_an_event_for_it()
    {
        await using var host = await database.StartAsync();
        await host.Store.AppendAsync(new Append(Orders.Stream("not-for-it"), [new OrderNoted("first")]));
        var first = await host.Store.ReadHighWaterMarkAsync();
        var progress = host.Services.GetRequiredService<ProjectionProgress>();

        await Eventually.TrueAsync(
            async () =>
            {
                await host.Store.AppendAsync(new Append(Orders.Stream("not-for-it"), [new OrderNoted("more")]));
                return (await progress.ReadAsync()).Any(shard => shard.Name == "OrderLog:All" && shard.Progress >= first);
            },
            "the projection to pass over what is not for it"
        );
    }

    [Fact]
    public async Task A_projection_sees_each_of_its_events_once_and_in_order_while_hosts_come_and_go()
    {
        await using var appender = await database.StartAsync(daemon: false);
        var appending = Task.Run(async () =>
        {
            for (var round = 0; round < 30; round++)
                await Task.WhenAll(
                    Enumerable
                        .Range(0, 20)
                        .Select(index =>
                            appender.Store.AppendAsync(
                                new Append(
                                    Orders.Stream($"{round}-{index}"),
                                    [new OrderPlaced("x", index), new OrderNoted("not mine"), new OrderPaid(index)]
                                )
                            )
                        )
                );
        });

        for (var turn = 0; turn < 4; turn++)
        {
            await using var host = await database.StartAsync();
            await Eventually.TrueAsync(
                async () => (await host.Services.GetRequiredService<ProjectionProgress>().ReadAsync()).SingleOrDefault()?.Owner is not null,
                "a host to take the shard"
            );
        }
        await appending;
        await using var last = await database.StartAsync();
        await using var other = await database.StartAsync();
        await last.CaughtUpAsync("OrderLog");

        (await database.ScalarAsync<long>("select count(*) from order_log")).ShouldBe(1200);
        (
            await database.ScalarAsync<long>(
                "select count(*) from mt_events e left join order_log o on o.seq = e.seq_id where e.type <> 'order_noted' and o.seq is null"
            )
        ).ShouldBe(0);
        (
            await database.ScalarAsync<bool>(
                "select bool_and(ordered) from (select seq > lag(seq, 1, 0) over (order by position) as ordered from order_log) o"
            )
        ).ShouldBeTrue();
    }

    [Fact]
    public async Task A_poison_event_stops_its_shard_there_until_it_is_skipped_by_command_and_kept_as_a_dead_letter()
    {
        await using var host = await database.StartAsync();
        var progress = host.Services.GetRequiredService<ProjectionProgress>();
        await host.Store.AppendAsync(new Append(Orders.Stream("good-1"), [new OrderPlaced("Ana", 1)]));
        var poison = (AppendResult.Appended)await host.Store.AppendAsync(new Append(Orders.Stream("bad"), [new OrderPlaced("poison", 1)]));
        await host.Store.AppendAsync(new Append(Orders.Stream("good-2"), [new OrderPlaced("Bia", 1)]));

        var stopped = await Eventually.ValueAsync(
            async () => (await progress.ReadAsync()).SingleOrDefault(shard => shard.State == "stopped"),
            "the shard to stop"
        );
        stopped.ErrorSequence.ShouldBe(poison.Sequence);
        stopped.ErrorType.ShouldBe("order_placed");
        stopped.Error.ShouldNotBeNull().ShouldContain("cannot digest");
        (await database.ScalarAsync<long>("select count(*) from order_log")).ShouldBe(
            1,
            "what came before it is applied, what came after is not"
        );

        (await progress.SkipAsync("OrderLog")).ShouldBeTrue();
        await host.CaughtUpAsync("OrderLog");

        (await database.ScalarAsync<long>("select count(*) from order_log")).ShouldBe(2);
        (await database.ScalarAsync<long>("select (data->>'EventSequence')::bigint from mt_doc_deadletterevent")).ShouldBe(poison.Sequence);
    }

    [Fact]
    public async Task An_event_that_was_mended_in_the_log_is_read_anew_when_its_shard_is_resumed()
    {
        await using var host = await database.StartAsync();
        var progress = host.Services.GetRequiredService<ProjectionProgress>();
        await host.CaughtUpAsync("OrderLog");
        await database.ExecuteAsync(
            """
            select mt_quick_append_events(
                'order-spoilt', null, 'acme', array[gen_random_uuid()], array['order_placed'], array['Orders.OrderPlaced, Orders'],
                array['{"buyer":"Ana","total":"much"}'::jsonb], array[null]::bytea[], array[null]::varchar[], array[null]::varchar[],
                array['{}'::jsonb], array[now()])
            """
        );
        await Eventually.TrueAsync(
            async () => (await progress.ReadAsync()).Any(shard => shard is { Name: "OrderLog:All", State: "stopped" }),
            "the shard to stop"
        );

        await database.ExecuteAsync("""update mt_events set data = '{"buyer":"Ana","total":1}' where stream_id = 'order-spoilt'""");
        (await progress.ResumeAsync("OrderLog")).ShouldBeTrue();
        await host.CaughtUpAsync("OrderLog");

        (await database.ScalarAsync<long>("select count(*) from order_log where stream = 'order-spoilt'")).ShouldBe(1);
    }

    [Fact]
    public async Task Projections_go_on_after_Postgres_cut_every_connection()
    {
        await using var host = await database.StartAsync();
        await host.Store.AppendAsync(new Append(Orders.Stream("before"), [new OrderPlaced("Ana", 1)]));
        await host.CaughtUpAsync("OrderLog");

        await database.ExecuteAsync(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        );

        await host.Store.AppendAsync(new Append(Orders.Stream("after"), [new OrderPlaced("Bia", 1)]) { ExpectedVersion = 0 });
        await host.CaughtUpAsync("OrderLog");
        (await database.ScalarAsync<long>("select count(*) from order_log")).ShouldBe(2);
    }
}
