using Npgsql;

namespace TrackAi.EventStore.Tests;

/// <summary>The functions a Marten store calls, called as Marten calls them.</summary>
public sealed class MartenFunctionTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    [Fact]
    public async Task What_Marten_appends_through_its_own_function_is_read_and_projected_like_ours()
    {
        await using var host = await database.StartAsync();
        await host.Store.AppendAsync(new Append(Orders.Stream("shared"), [new OrderPlaced("Ana", 1)]));

        var appended = await QuickAppendAsync("order-shared", 2, expected: null);

        appended[0].ShouldBe(3, "the stream's new version comes first");
        appended.Length.ShouldBe(3);
        var stream = await host.Store.ReadStreamAsync(Orders.Stream("shared"));
        stream.Select(recorded => recorded.Version).ShouldBe([1, 2, 3]);
        stream[2].Data.ShouldBe(new OrderPaid(2));
        stream[2].CorrelationId.ShouldBe("corr");
        stream.Skip(1).Select(recorded => recorded.Sequence).ShouldBe(appended[1..]);
        (
            await host.Store.AppendAsync(new Append(Orders.Stream("shared"), [new OrderPaid(9)]) { ExpectedVersion = 3 })
        ).ShouldBeOfType<AppendResult.Appended>();
        await host.CaughtUpAsync("OrderLog");
        (await database.ScalarAsync<long>("select count(*) from order_log where stream = 'order-shared'")).ShouldBe(4);
    }

    [Fact]
    public async Task Martens_function_starts_a_stream_and_refuses_another_version_or_an_archived_stream_by_Martens_codes()
    {
        (await QuickAppendAsync("order-new", 1, expected: null))[0].ShouldBe(1);

        (await Should.ThrowAsync<PostgresException>(QuickAppendAsync("order-new", 1, expected: 7))).SqlState.ShouldBe("MT003");
        await database.ExecuteAsync("select mt_archive_stream('order-new', 'acme')");
        (await Should.ThrowAsync<PostgresException>(QuickAppendAsync("order-new", 1, expected: null))).SqlState.ShouldBe("MT001");
        await using var host = await database.StartAsync(daemon: false);
        (
            await Should.ThrowAsync<ArchivedStreamException>(host.Store.AppendAsync(new Append(Orders.Stream("new"), [new OrderPaid(1)])))
        ).Message.ShouldContain("archived");
    }

    [Fact]
    public async Task Progress_moves_by_Martens_functions()
    {
        await database.ExecuteAsync("select mt_mark_event_progression('theirs:All', 5)");
        (await database.ScalarAsync<long>("select mt_mark_progression_with_skip('theirs:All', 9, 4)")).ShouldBe(
            5,
            "it does not stand at 4"
        );
        (await database.ScalarAsync<long>("select mt_mark_progression_with_skip('theirs:All', 9, 5)")).ShouldBe(9);

        (
            await database.ScalarAsync<string>(
                "select string_agg(starting_sequence || '-' || ending_sequence, ',') from mt_high_water_skips"
            )
        ).ShouldBe("5-9");
    }

    private Task<long[]> QuickAppendAsync(string stream, int count, long? expected) =>
        database.ScalarAsync<long[]>(
            $$"""
            select mt_quick_append_events('{{stream}}', 'order', 'acme',
                array(select gen_random_uuid() from generate_series(1, {{count}})), array_fill('order_paid'::varchar, array[{{count}}]),
                array_fill('TrackAi.EventStore.Tests.OrderPaid, TrackAi.EventStore.Tests'::varchar, array[{{count}}]),
                array(select jsonb_build_object('amount', n) from generate_series(1, {{count}}) n), array_fill(null::bytea, array[{{count}}]),
                array_fill('cause'::varchar, array[{{count}}]), array_fill('corr'::varchar, array[{{count}}]), array_fill(null::jsonb, array[{{count}}]),
                array_fill(now(), array[{{count}}]), {{(expected is { } version ? $"{version}" : "null")}})
            """
        );
}
