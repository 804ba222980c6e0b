using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>Streams folded by many callers at once, who share round trips and nothing else.</summary>
public sealed class AggregateTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    private const int Callers = 200;

    /// <summary>As many as are read at once.</summary>
    private static readonly int AtOnce = Math.Max(2, Environment.ProcessorCount);

    [Fact]
    public async Task Each_of_many_callers_gets_its_own_stream_whole_and_in_order()
    {
        await using var host = await database.StartAsync(daemon: false);
        // Around the number that is read ahead of the folding, and far beyond it; some that are not there.
        int[] lengths = [1, 2, 10, 99, 100, 101, 250, 0];
        for (var number = 0; number < lengths.Length; number++)
            await AppendAsync(host.Store, $"length-{number}", lengths[number]);

        var read = await Task.WhenAll(
            Enumerable.Range(0, Callers).Select(caller => Task.Run(() => AmountsAsync(host.Store, $"length-{caller % lengths.Length}")))
        );

        for (var caller = 0; caller < Callers; caller++)
            (read[caller] ?? []).ShouldBe(Enumerable.Range(1, lengths[caller % lengths.Length]).Select(amount => (decimal)amount));
    }

    [Fact]
    public async Task Streams_larger_than_what_is_read_ahead_are_folded_whole_beside_small_ones()
    {
        await using var host = await database.StartAsync(daemon: false);
        var large = new OrderNoted(new string('x', 400_000));
        await host.Store.AppendAsync(new Append(Orders.Stream("large"), [large, large, large, large, large, large, large]));
        await AppendAsync(host.Store, "beside-large", 3);

        var counts = await Task.WhenAll(
            Enumerable.Range(0, 40).Select(caller => Task.Run(() => CountAsync(host.Store, caller % 2 == 0 ? "large" : "beside-large")))
        );

        counts.ShouldBe(Enumerable.Range(0, 40).Select(caller => caller % 2 == 0 ? 7 : 3));
    }

    [Fact]
    public async Task What_cannot_be_asked_read_or_folded_is_told_to_its_own_caller_alone()
    {
        await using var host = await database.StartAsync(daemon: false);
        await AppendAsync(host.Store, "sound", 10);
        await AppendAsync(host.Store, "unreadable", 1);
        await database.ExecuteAsync("""update mt_events set data = '{"amount": "much"}' where stream_id = 'order-unreadable'""");
        var outcomes = new ConcurrentBag<(int Kind, object Outcome)>();

        await Task.WhenAll(
            Enumerable
                .Range(0, Callers)
                .Select(caller =>
                    Task.Run(async () =>
                    {
                        try
                        {
                            outcomes.Add((caller % 4, await CallAsync(caller % 4)));
                        }
                        catch (Exception exception)
                        {
                            outcomes.Add((caller % 4, exception));
                        }
                    })
                )
        );

        Outcomes(0).ShouldAllBe(outcome => outcome is int && (int)outcome == 10);
        Outcomes(1).ShouldAllBe(outcome => outcome is EncoderFallbackException);
        Outcomes(2).ShouldAllBe(outcome => outcome is UnreadableEventException);
        Outcomes(3).ShouldAllBe(outcome => outcome is InvalidOperationException && ((Exception)outcome).Message == "cannot fold this");

        IEnumerable<object> Outcomes(int kind) => outcomes.Where(one => one.Kind == kind).Select(one => one.Outcome);

        async Task<object> CallAsync(int kind) =>
            kind switch
            {
                // Half a character cannot be sent.
                1 => await CountAsync(host.Store, "\ud800"),
                2 => await CountAsync(host.Store, "unreadable"),
                3 => await host.Store.AggregateStreamAsync<object>(
                    Orders.Stream("sound"),
                    (_, _) => throw new InvalidOperationException("cannot fold this")
                ) ?? "nothing",
                _ => await CountAsync(host.Store, "sound"),
            };
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_let_go_and_the_others_are_answered()
    {
        await using var host = await database.StartAsync(daemon: false);
        await AppendAsync(host.Store, "held", 3);
        await using var gate = await database.DataSource.OpenConnectionAsync();
        await using var closed = await gate.BeginTransactionAsync();
        await using (var close = new NpgsqlCommand("lock table mt_events in access exclusive mode", gate, closed))
            await close.ExecuteNonQueryAsync();
        using var patience = new CancellationTokenSource();

        var given = Enumerable.Range(0, 50).Select(_ => CountAsync(host.Store, "held", patience.Token)).ToArray();
        var kept = Enumerable.Range(0, 50).Select(_ => CountAsync(host.Store, "held")).ToArray();
        await patience.CancelAsync();

        foreach (var one in given)
            await Should.ThrowAsync<OperationCanceledException>(one);
        kept.ShouldAllBe(one => !one.IsCompleted);
        await closed.RollbackAsync();
        (await Task.WhenAll(kept)).ShouldAllBe(count => count == 3);
    }

    [Fact]
    public async Task Folds_that_take_their_time_keep_nobody_waiting()
    {
        await using var host = await database.StartAsync(daemon: false);
        await AppendAsync(host.Store, "slow", 1);
        await AppendAsync(host.Store, "quick", 3);
        using var begun = new SemaphoreSlim(0);
        using var mayEnd = new ManualResetEventSlim();
        var slow = Enumerable
            .Range(0, AtOnce)
            .Select(_ =>
                Task.Run(() =>
                    host.Store.AggregateStreamAsync<object>(
                        Orders.Stream("slow"),
                        (_, paid) =>
                        {
                            begun.Release();
                            mayEnd.Wait();
                            return paid;
                        }
                    )
                )
            )
            .ToArray();
        for (var number = 0; number < AtOnce; number++)
            await begun.WaitAsync();

        (await CountAsync(host.Store, "quick")).ShouldBe(3);

        slow.ShouldAllBe(fold => !fold.IsCompleted);
        mayEnd.Set();
        await Task.WhenAll(slow);
    }

    [Fact]
    public async Task Callers_whose_Postgres_goes_away_are_told_and_later_ones_are_answered()
    {
        await using var host = await database.StartAsync(daemon: false);
        await AppendAsync(host.Store, "severed", 5);
        await using var gate = await database.DataSource.OpenConnectionAsync();
        await using var closed = await gate.BeginTransactionAsync();
        await using (var close = new NpgsqlCommand("lock table mt_events in access exclusive mode", gate, closed))
            await close.ExecuteNonQueryAsync();
        var loads = Enumerable.Range(0, 50).Select(_ => CountAsync(host.Store, "severed")).ToArray();
        await Eventually.TrueAsync(
            () => database.ScalarAsync<bool>($"select count(*) >= 2 from ({Held}) held"),
            "as many as are read at once to be held up"
        );

        await database.ExecuteAsync($"select pg_terminate_backend(pid) from ({Held}) held");
        await closed.RollbackAsync();

        var outcomes = await Task.WhenAll(loads.Select(load => load.ContinueWith(done => done, TaskScheduler.Default)));
        outcomes
            .Where(done => done.IsFaulted)
            .Select(done => done.Exception!.InnerException)
            .ShouldAllBe(exception => exception is NpgsqlException);
        outcomes.Where(done => !done.IsFaulted).ShouldAllBe(done => done.Result == 5);
        outcomes.Count(done => done.IsFaulted).ShouldBeLessThanOrEqualTo(AtOnce, "the others go again");
        (await CountAsync(host.Store, "severed")).ShouldBe(5);
    }

    [Fact]
    public async Task Callers_of_a_Postgres_that_is_not_there_are_told_at_once()
    {
        var nowhere = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = 1 };
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddEventStore(_ => nowhere.ConnectionString, Orders.Types);
        using var host = builder.Build();
        var store = host.Services.GetRequiredService<PostgresEventStore>();

        var loads = Enumerable.Range(0, 50).Select(_ => CountAsync(store, "nowhere")).ToArray();

        foreach (var load in loads)
            await Should.ThrowAsync<NpgsqlException>(load.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private const string Held =
        "select pid from pg_locks where relation = 'mt_events'::regclass and mode = 'AccessShareLock' and not granted and database = (select oid from pg_database where datname = current_database())";

    private static Task AppendAsync(PostgresEventStore store, string id, int events) =>
        events == 0
            ? Task.CompletedTask
            : store.AppendAsync(
                new Append(Orders.Stream(id), [.. Enumerable.Range(1, events).Select(amount => (object)new OrderPaid(amount))])
            );

    private static Task<List<decimal>?> AmountsAsync(PostgresEventStore store, string id) =>
        store.AggregateStreamAsync<List<decimal>>(Orders.Stream(id), (amounts, paid) => [.. amounts ?? [], ((OrderPaid)paid).Amount]);

    private static async Task<int> CountAsync(PostgresEventStore store, string id, CancellationToken cancellationToken = default) =>
        (await store.AggregateStreamAsync<object>(Orders.Stream(id), (count, _) => (int)(count ?? 0) + 1, cancellationToken)) as int? ?? 0;
}
