using System.Diagnostics.Metrics;
using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Tests;

public sealed class AppendTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    [Fact]
    public async Task An_event_is_stored_as_Marten_would_store_it()
    {
        await using var host = await database.StartAsync(daemon: false);

        var result = await host.Store.AppendAsync(
            new Append(Orders.Stream("layout"), [new OrderPlaced("Ana", 49.90m), new OrderPaid(49.90m)])
            {
                ExpectedVersion = 0,
                CorrelationId = "c-1",
            }
        );

        result.ShouldBeOfType<AppendResult.Appended>().Version.ShouldBe(2);
        (
            await database.ScalarAsync<string>(
                "select string_agg(version || ' ' || type || ' ' || mt_dotnet_type || ' ' || data::text || ' ' || is_archived || ' ' || correlation_id, E'\n' order by version) from mt_events where stream_id = 'order-layout'"
            )
        ).ShouldBe(
            """
            1 order_placed TrackAi.EventStore.Tests.OrderPlaced, TrackAi.EventStore.Tests {"buyer": "Ana", "total": 49.90} false c-1
            2 order_paid TrackAi.EventStore.Tests.OrderPaid, TrackAi.EventStore.Tests {"amount": 49.90} false c-1
            """
        );
        (await database.ScalarAsync<long>("select version from mt_streams where tenant_id = 'acme' and id = 'order-layout'")).ShouldBe(2);
    }

    [Fact]
    public async Task A_stream_at_another_version_refuses_the_append_and_tells_the_actual_one()
    {
        await using var host = await database.StartAsync(daemon: false);
        await host.Store.AppendAsync(new Append(Orders.Stream("conflict"), [new OrderPlaced("Ana", 1)]));

        var started = await host.Store.AppendAsync(
            new Append(Orders.Stream("conflict"), [new OrderPlaced("Bia", 2)]) { ExpectedVersion = 0 }
        );
        var ahead = await host.Store.AppendAsync(new Append(Orders.Stream("conflict"), [new OrderPaid(1)]) { ExpectedVersion = 7 });
        var right = await host.Store.AppendAsync(new Append(Orders.Stream("conflict"), [new OrderPaid(1)]) { ExpectedVersion = 1 });

        started.ShouldBe(new AppendResult.WrongExpectedVersion(0, 1));
        ahead.ShouldBe(new AppendResult.WrongExpectedVersion(7, 1));
        right.ShouldBeOfType<AppendResult.Appended>().Version.ShouldBe(2);
    }

    [Fact]
    public async Task A_stream_that_cannot_be_started_again_burns_no_number_and_costs_its_neighbours_nothing()
    {
        await using var host = await database.StartAsync(daemon: false);
        Append Start(int number) =>
            new(Orders.Stream($"start-{number}"), [new OrderPlaced("Ana", number), new OrderPaid(number)]) { ExpectedVersion = 0 };
        await host.Store.AppendAsync(Start(7));
        var before = await database.ScalarAsync<long>("select last_value from mt_events_sequence");

        var results = await Task.WhenAll(Enumerable.Range(0, 40).Select(number => host.Store.AppendAsync(Start(number))));

        results[7].ShouldBe(new AppendResult.WrongExpectedVersion(0, 2));
        results.OfType<AppendResult.Appended>().Count().ShouldBe(39);
        (await database.ScalarAsync<long>("select last_value from mt_events_sequence")).ShouldBe(before + 2 * 39);
        for (var number = 0; number < 40; number++)
            if (results[number] is AppendResult.Appended appended)
                (
                    await database.ScalarAsync<string>(
                        $"select min(seq_id) || ': ' || string_agg(version || ' ' || type, ', ' order by seq_id) from mt_events where stream_id = 'order-start-{number}'"
                    )
                ).ShouldBe($"{appended.Sequence}: 1 order_placed, 2 order_paid");
    }

    [Fact]
    public async Task A_key_is_used_once_in_its_tenant_whatever_the_stream()
    {
        await using var host = await database.StartAsync(daemon: false);
        Append With(string tenant, string stream) =>
            new(Orders.Stream(stream, tenant), [new OrderNoted("x")]) { UniqueKeys = ["delivery:1"] };

        (await host.Store.AppendAsync(With("acme", "key-1"))).ShouldBeOfType<AppendResult.Appended>();
        (await host.Store.AppendAsync(With("acme", "key-2"))).ShouldBe(new AppendResult.Duplicate("delivery:1", Orders.Stream("key-1"), 1));
        (await host.Store.AppendAsync(With("other", "key-2"))).ShouldBeOfType<AppendResult.Appended>();
        (await host.Store.ReadStreamAsync(Orders.Stream("key-2"))).ShouldBeEmpty();
    }

    [Fact]
    public async Task Of_a_hundred_appends_with_one_key_from_two_hosts_one_wins_and_no_number_is_burnt()
    {
        await using var first = await database.StartAsync(daemon: false);
        await using var second = await database.StartAsync(daemon: false);
        var before = await HighestAsync();

        var results = await Task.WhenAll(
            Enumerable
                .Range(0, 100)
                .Select(index =>
                    (index % 2 == 0 ? first : second).Store.AppendAsync(
                        new Append(Orders.Stream($"race-{index % 5}"), [new OrderNoted("x")])
                        {
                            UniqueKeys = ["delivery:race"],
                            ExpectedVersion = 0,
                        }
                    )
                )
        );

        results.OfType<AppendResult.Appended>().Count().ShouldBe(1);
        (await HighestAsync()).ShouldBe(before + 1);
    }

    [Fact]
    public async Task Concurrent_appends_to_one_stream_from_two_hosts_lose_nothing_and_number_without_a_hole()
    {
        await using var first = await database.StartAsync(daemon: false);
        await using var second = await database.StartAsync(daemon: false);

        var results = await Task.WhenAll(
            Enumerable
                .Range(0, 200)
                .Select(index =>
                    (index % 2 == 0 ? first : second).Store.AppendAsync(new Append(Orders.Stream("busy"), [new OrderPaid(index)]))
                )
        );

        results.ShouldAllBe(result => result is AppendResult.Appended);
        var stored = await first.Store.ReadStreamAsync(Orders.Stream("busy"));
        stored.Select(recorded => recorded.Version).ShouldBe(Enumerable.Range(1, 200).Select(version => (long)version));
        stored
            .Select(recorded => ((OrderPaid)recorded.Data).Amount)
            .Order()
            .ShouldBe(Enumerable.Range(0, 200).Select(amount => (decimal)amount));
        stored.Select(recorded => recorded.Sequence).ShouldBeInOrder();
    }

    [Fact]
    public async Task What_Postgres_refuses_fails_its_caller_and_not_its_neighbours()
    {
        await using var host = await database.StartAsync(daemon: false);
        var tooLong = new string('x', 3000);

        var neighbours = Enumerable
            .Range(0, 20)
            .Select(index => host.Store.AppendAsync(new Append(Orders.Stream($"neighbour-{index}"), [new OrderNoted("fine")])))
            .ToArray();
        // A stream id that no index entry can hold.
        var culprit = host.Store.AppendAsync(new Append(new StreamId("acme", RandomText(20_000)), [new OrderNoted(tooLong)]));

        await Should.ThrowAsync<InvalidAppendException>(culprit);
        (await Task.WhenAll(neighbours)).ShouldAllBe(result => result is AppendResult.Appended);
    }

    [Fact]
    public async Task An_event_of_one_mebibyte_is_stored_and_a_larger_one_is_refused_by_name()
    {
        await using var host = await database.StartAsync(daemon: false);

        await host.Store.AppendAsync(new Append(Orders.Stream("large"), [new OrderNoted(new string('x', 1024 * 1024 - 20))]));
        var refused = await Should.ThrowAsync<InvalidAppendException>(
            host.Store.AppendAsync(new Append(Orders.Stream("larger"), [new OrderNoted(new string('x', 1024 * 1024))]))
        );

        refused.Message.ShouldContain("order_noted");
        refused.Message.ShouldContain("EventStore:MaxEventBytes");
        (await host.Store.ReadStreamAsync(Orders.Stream("large"))).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Text_that_Postgres_cannot_hold_does_not_cost_the_event()
    {
        await using var host = await database.StartAsync(daemon: false);

        await host.Store.AppendAsync(new Append(Orders.Stream("nul"), [new OrderNoted("a\0b \ud800 c \\u0000")]));

        (await host.Store.ReadStreamAsync(Orders.Stream("nul"))).Single().Data.ShouldBe(new OrderNoted("ab \ufffd c \\u0000"));
    }

    [Fact]
    public async Task Rows_and_events_of_a_session_commit_together_or_not_at_all()
    {
        await using var host = await database.StartAsync(daemon: false);
        await host.Store.AppendAsync(new Append(Orders.Stream("session"), [new OrderPlaced("Ana", 1)]));

        async Task WriteAsync(long expected)
        {
            await using var session = await host.Store.OpenSessionAsync();
            await using var insert = new NpgsqlCommand("insert into order_log (seq, stream) values ($1, 'by-hand')", session.Connection)
            {
                Parameters =
                {
                    new() { Value = -expected, NpgsqlDbType = NpgsqlDbType.Bigint },
                },
            };
            await insert.ExecuteNonQueryAsync();
            session.Append(new Append(Orders.Stream("session"), [new OrderPaid(1)]) { ExpectedVersion = expected });
            session.Append(new Append(Orders.Stream("session"), [new OrderNoted("joined")]));
            await session.CommitAsync(CancellationToken.None);
        }

        await WriteAsync(1);
        var refused = await Should.ThrowAsync<AppendRefusedException>(WriteAsync(2));

        refused.Result.ShouldBe(new AppendResult.WrongExpectedVersion(2, 3));
        (await database.ScalarAsync<long>("select count(*) from order_log where stream = 'by-hand'")).ShouldBe(1);
        (await host.Store.ReadStreamAsync(Orders.Stream("session"))).Count.ShouldBe(3);
    }

    // A sequence that gave no number yet stands at its first one, too.
    private Task<long> HighestAsync() =>
        database.ScalarAsync<long>("select case when is_called then last_value else 0 end from mt_events_sequence");

    private static string RandomText(int length)
    {
        var random = new Random(7);
        return string.Create(
            length,
            random,
            static (text, source) =>
            {
                for (var index = 0; index < text.Length; index++)
                    text[index] = (char)('!' + source.Next(90));
            }
        );
    }

    [Fact]
    public async Task A_key_given_twice_in_one_append_is_one_key()
    {
        await using var host = await database.StartAsync(daemon: false);

        (
            await host.Store.AppendAsync(new Append(Orders.Stream("key-twice"), [new OrderNoted("x")]) { UniqueKeys = ["same", "same"] })
        ).ShouldBeOfType<AppendResult.Appended>();
    }

    [Fact]
    public async Task A_metrics_listener_that_fails_costs_nobody_an_append_and_doubles_none()
    {
        await using var host = await database.StartAsync(daemon: false);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Name == "trackai.eventstore.batch.size")
                    listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<int>((_, _, _, _) => throw new InvalidOperationException("a listener's bug"));
        listener.Start();

        for (var turn = 1; turn <= 3; turn++)
            (await host.Store.AppendAsync(new Append(Orders.Stream("metrics"), [new OrderNoted("x")])))
                .ShouldBeOfType<AppendResult.Appended>()
                .Version.ShouldBe(turn);
    }
}
