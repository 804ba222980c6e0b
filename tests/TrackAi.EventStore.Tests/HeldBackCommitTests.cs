using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>An insert whose commit is held back by a trigger, while other hosts go on appending.</summary>
public sealed class HeldBackCommitTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    private const long Gate = 4711;

    // Of this database and at this gate: other tests on the same server wait for locks of their own.
    private static readonly string HeldBack =
        $"select pid from pg_locks where locktype = 'advisory' and not granted and objid = {Gate} and database = (select oid from pg_database where datname = current_database())";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_event_is_passed_over_and_nothing_stalls_once_it_is_released_or_rolled_back(bool rollBack)
    {
        var held = $"held-{rollBack}";
        await database.ExecuteAsync(
            $"""
            create or replace function hold_back() returns trigger language plpgsql as $$
            begin
                if new.stream_id like 'order-held-%' then perform pg_advisory_xact_lock({Gate}); end if;
                return null;
            end $$;
            drop trigger if exists hold_back on mt_events;
            create trigger hold_back after insert on mt_events for each row execute function hold_back();
            """
        );
        await using var first = await database.StartAsync();
        await using var second = await database.StartAsync(daemon: false);
        await using var gate = await database.DataSource.OpenConnectionAsync();
        await using (var close = gate.CreateCommand())
        {
            close.CommandText = $"select pg_advisory_lock({Gate})";
            await close.ExecuteNonQueryAsync();
        }

        var late = first.Store.AppendAsync(new Append(Orders.Stream(held), [new OrderPlaced("late", 1)]));
        await Eventually.TrueAsync(() => database.ScalarAsync<bool>($"select exists ({HeldBack})"), "the insert to be held back");
        var markBefore = await first.Store.ReadHighWaterMarkAsync();
        var others = await Task.WhenAll(
            Enumerable
                .Range(0, 40)
                .Select(index =>
                    (index % 2 == 0 ? first : second).Store.AppendAsync(
                        new Append(Orders.Stream($"other-{rollBack}-{index}"), [new OrderPlaced("x", index)])
                    )
                )
        );

        others.ShouldAllBe(result => result is AppendResult.Appended);
        (await first.Store.ReadHighWaterMarkAsync()).ShouldBe(
            markBefore,
            "the held-back number is not final, so nothing above it is either"
        );
        (await database.ScalarAsync<long>("select count(*) from order_log where seq > $1", markBefore)).ShouldBe(0);

        if (rollBack)
        {
            await database.ExecuteAsync($"select pg_terminate_backend(pid) from ({HeldBack}) held");
            await Should.ThrowAsync<EventStoreUnavailableException>(late);
        }
        await using (var open = gate.CreateCommand())
        {
            open.CommandText = $"select pg_advisory_unlock({Gate})";
            await open.ExecuteNonQueryAsync();
        }
        if (!rollBack)
            (await late).ShouldBeOfType<AppendResult.Appended>();

        await first.CaughtUpAsync("OrderLog");
        (await database.ScalarAsync<long>("select count(*) from order_log where seq > $1", markBefore)).ShouldBe(rollBack ? 40 : 41);
        (
            await database.ScalarAsync<bool>(
                "select bool_and(ordered) from (select seq > lag(seq, 1, 0) over (order by position) as ordered from order_log) o"
            )
        ).ShouldBeTrue("a projection sees the log in order");
    }
}
