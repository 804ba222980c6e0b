using System.Globalization;
using System.Security.Cryptography;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>
/// Chance decides who appends what, whose commit is held up and whose is rolled back; the seed is in the failure's message and can be given in
/// <c>TRACKAI_TEST_SEED</c>.
/// </summary>
public sealed class InterleavingTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    private const int Appenders = 12;
    private const int AppendsEach = 80;

    [Fact]
    public async Task However_appends_are_held_up_and_rolled_back_a_projection_sees_exactly_the_log_in_its_order()
    {
        var seed = Environment.GetEnvironmentVariable("TRACKAI_TEST_SEED") is { Length: > 0 } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : RandomNumberGenerator.GetInt32(int.MaxValue);
        await database.ExecuteAsync(
            """
            create function disturb() returns trigger language plpgsql as $$
            begin
                if new.stream_id like '%-slow-%' then perform pg_sleep(0.005 + random() * 0.03); end if;
                if new.stream_id like '%-boom-%' then raise exception 'refused by chance'; end if;
                return null;
            end $$;
            create trigger disturb after insert on mt_events for each row execute function disturb();
            """
        );
        await using var first = await database.StartAsync(daemon: false);
        await using var second = await database.StartAsync(daemon: false);
        await using var third = await database.StartAsync();

        var accepted = await Task.WhenAll(
            Enumerable
                .Range(0, Appenders)
                .Select(appender => AppendAsync([first, second, third], appender, new Random(unchecked(seed + appender))))
        );
        // A leader comes and one goes while the last pages are read.
        await using (var another = await database.StartAsync()) { }
        await third.CaughtUpAsync("OrderLog");

        (await database.ScalarAsync<long>("select count(*) from mt_events")).ShouldBe(
            accepted.Sum(),
            $"what was acknowledged is stored, what was not is not (seed {seed})"
        );
        (await database.ScalarAsync<long[]>("select array_agg(seq order by position) from order_log")).ShouldBe(
            await database.ScalarAsync<long[]>("select array_agg(seq_id order by seq_id) from mt_events where type <> 'order_noted'"),
            $"seed {seed}"
        );
    }

    /// <returns>How many events were acknowledged.</returns>
    private static async Task<long> AppendAsync(TestHost[] hosts, int appender, Random random)
    {
        var events = 0L;
        for (var index = 0; index < AppendsEach; index++)
        {
            var store = hosts[random.Next(hosts.Length)].Store;
            var kind = random.Next(100) switch
            {
                < 8 => "slow",
                < 12 => "boom",
                < 30 => "session",
                _ => "plain",
            };
            var stream = Orders.Stream($"{appender}-{kind}-{index}");
            object[] data = random.Next(3) == 0 ? [new OrderPlaced("x", index), new OrderNoted("not for it")] : [new OrderPaid(index)];

            if (kind == "session")
            {
                await using var session = await store.OpenSessionAsync();
                session.Append(new Append(stream, data));
                if (random.Next(2) == 0)
                {
                    // Numbers are drawn, and never used.
                    await session.FlushAsync(CancellationToken.None);
                    continue;
                }
                await session.CommitAsync(CancellationToken.None);
            }
            else if (kind == "boom")
            {
                await Should.ThrowAsync<InvalidAppendException>(store.AppendAsync(new Append(stream, data)));
                continue;
            }
            else
            {
                (await store.AppendAsync(new Append(stream, data))).ShouldBeOfType<AppendResult.Appended>();
            }

            events += data.Length;
        }

        return events;
    }
}
