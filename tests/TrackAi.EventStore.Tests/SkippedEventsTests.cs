using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>What a subscription stepped over by command, and its way back.</summary>
public sealed class SkippedEventsTests : IAsyncLifetime
{
    private readonly OrdersDatabase database = new();
    private readonly Welcome welcome = new();

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        await database.ExecuteAsync("create table welcomed (seq bigint not null)");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task What_was_skipped_is_handled_once_it_can_be_and_is_no_dead_letter_any_more()
    {
        await using var host = await StartAsync();
        var poison = await SkippedAsync(host, "bad");

        var letter = (await Of(host).ReadAsync("Welcome")).ShouldHaveSingleItem();
        (letter.Name, letter.Sequence, letter.Type, letter.Stream).ShouldBe(("Welcome", poison, "order_placed", Orders.Stream("bad")));
        letter.Error.ShouldContain("no such buyer");
        (await Of(host).ReadAsync("OrderLog")).ShouldHaveSingleItem("the projection skipped it, too");

        welcome.Digests = true;
        var replayed = (await Of(host).ReplayAsync("welcome")).ShouldHaveSingleItem();

        (replayed.Skipped.Sequence, replayed.Error).ShouldBe((poison, null));
        replayed.Appended.ShouldBe(["order_noted"]);
        (await NotesAsync("bad")).ShouldBe(1);
        (await WelcomedAsync(poison)).ShouldBe(1);
        (await Of(host).ReadAsync("Welcome")).ShouldBeEmpty();
        (await Of(host).ReadAsync()).ShouldHaveSingleItem("what the projection skipped, a rebuild takes back");
        (await Of(host).ReplayAsync("Welcome")).ShouldBeEmpty();

        await host.Store.AppendAsync(new Append(Orders.Stream("next"), [new OrderPlaced("Bia", 1)]));
        await host.CaughtUpAsync("Welcome");
        (await NotesAsync("next")).ShouldBe(1, "the host runs the shard again");
    }

    [Fact]
    public async Task What_fails_again_stays_a_dead_letter_and_leaves_nothing_behind()
    {
        await using var host = await StartAsync();
        var (first, second) = (await SkippedAsync(host, "bad-1"), await SkippedAsync(host, "bad-2"));
        welcome.Digested = Orders.Stream("bad-2");

        var replayed = await Of(host).ReplayAsync("Welcome");

        replayed.Select(one => (one.Skipped.Sequence, one.Error is null)).ShouldBe([(first, false), (second, true)]);
        replayed[0].Error.ShouldNotBeNull().ShouldContain("no such buyer");
        (await Of(host).ReadAsync("Welcome")).ShouldHaveSingleItem().Sequence.ShouldBe(first);
        (await NotesAsync("bad-1"), await WelcomedAsync(first)).ShouldBe((0, 0));
    }

    [Fact]
    public async Task One_of_several_can_be_taken_alone()
    {
        await using var host = await StartAsync();
        var (first, second) = (await SkippedAsync(host, "bad-1"), await SkippedAsync(host, "bad-2"));
        welcome.Digests = true;

        (await Of(host).ReplayAsync("Welcome", second)).ShouldHaveSingleItem().Error.ShouldBeNull();

        (await Of(host).ReadAsync("Welcome")).ShouldHaveSingleItem().Sequence.ShouldBe(first);
    }

    [Fact]
    public async Task A_page_that_was_under_way_when_the_shard_was_taken_is_refused_and_handled_anew()
    {
        await using var host = await StartAsync();
        var poison = await SkippedAsync(host, "bad");
        welcome.Digests = true;
        var (entered, release) = welcome.WaitAt(Orders.Stream("meanwhile"));
        var meanwhile = (AppendResult.Appended)
            await host.Store.AppendAsync(new Append(Orders.Stream("meanwhile"), [new OrderPlaced("Bia", 1)]));
        await entered;

        (await Of(host).ReplayAsync("Welcome")).ShouldHaveSingleItem().Error.ShouldBeNull();
        release();
        await host.CaughtUpAsync("Welcome");

        welcome.Pages(Orders.Stream("meanwhile")).ShouldBeGreaterThan(1, "the first was refused");
        (await WelcomedAsync(meanwhile.Sequence), await NotesAsync("meanwhile")).ShouldBe((1, 1));
        (await WelcomedAsync(poison), await NotesAsync("bad")).ShouldBe((1, 1));
    }

    [Fact]
    public async Task Of_two_replays_at_once_beside_running_hosts_one_hands_the_event_on()
    {
        await using var host = await StartAsync();
        await using var other = await StartAsync();
        var letters = new List<long>();
        for (var order = 0; order < 5; order++)
            letters.Add(await SkippedAsync(host, $"bad-{order}"));
        welcome.Digests = true;
        var appending = Task.WhenAll(
            Enumerable
                .Range(0, 200)
                .Select(order => host.Store.AppendAsync(new Append(Orders.Stream($"{order}"), [new OrderPlaced("Bia", 1)])))
        );

        await Task.WhenAll(Of(host).ReplayAsync("Welcome"), Of(other).ReplayAsync("Welcome"));
        await Of(host).ReplayAsync("Welcome");
        await appending;
        await host.CaughtUpAsync("Welcome");

        (await Of(host).ReadAsync("Welcome")).ShouldBeEmpty();
        (await database.ScalarAsync<long>("select count(*) from welcomed")).ShouldBe(205);
        (await database.ScalarAsync<long>("select count(distinct seq) from welcomed")).ShouldBe(205);
        (await database.ScalarAsync<long>("select count(*) from mt_events where type = 'order_noted'")).ShouldBe(205);
        foreach (var letter in letters)
            (await WelcomedAsync(letter)).ShouldBe(1);
    }

    [Fact]
    public async Task What_is_no_subscription_is_answered_with_those_there_are()
    {
        await using var host = await StartAsync();

        (await Should.ThrowAsync<ArgumentException>(Of(host).ReplayAsync("OrderLog"))).Message.ShouldContain("there are Welcome");
    }

    private Task<TestHost> StartAsync() => database.StartAsync(modules: services => services.AddSingleton<ISubscription>(welcome));

    private static SkippedEvents Of(TestHost host) => host.Services.GetRequiredService<SkippedEvents>();

    private static async Task<long> SkippedAsync(TestHost host, string order)
    {
        var progress = host.Services.GetRequiredService<ProjectionProgress>();
        var poison = (AppendResult.Appended)await host.Store.AppendAsync(new Append(Orders.Stream(order), [new OrderPlaced("poison", 1)]));
        foreach (var name in (string[])["OrderLog", "Welcome"])
            await Eventually.TrueAsync(() => progress.SkipAsync(name), $"{name} stops at it");
        await host.CaughtUpAsync("OrderLog", "Welcome");
        return poison.Sequence;
    }

    private Task<long> NotesAsync(string order) =>
        database.ScalarAsync<long>("select count(*) from mt_events where type = 'order_noted' and stream_id = $1", $"order-{order}");

    private Task<long> WelcomedAsync(long sequence) => database.ScalarAsync<long>("select count(*) from welcomed where seq = $1", sequence);

    /// <summary>Writes a row and appends a note for each order, and knows nobody called "poison" until it is told.</summary>
    private sealed class Welcome : ISubscription
    {
        private readonly Dictionary<StreamId, int> pages = [];
        private StreamId? waitAt;
        private TaskCompletionSource entered = new();
        private TaskCompletionSource release = new();

        public string Name => "Welcome";

        public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(OrderPlaced)];

        public bool Digests { get; set; }

        public StreamId? Digested { get; set; }

        public (Task Entered, Action Release) WaitAt(StreamId stream)
        {
            (waitAt, entered, release) = (stream, new(TaskCreationOptions.RunContinuationsAsynchronously), new());
            return (entered.Task, release.SetResult);
        }

        public int Pages(StreamId stream)
        {
            lock (pages)
                return pages.GetValueOrDefault(stream);
        }

        public async Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken)
        {
            foreach (var recorded in events)
            {
                lock (pages)
                    pages[recorded.Stream] = pages.GetValueOrDefault(recorded.Stream) + 1;
                session.Append(new Append(recorded.Stream, [new OrderNoted("welcome")]));
            }

            await using var insert = new NpgsqlCommand("insert into welcomed (seq) select unnest($1)", session.Connection);
            insert.Parameters.Add(new() { Value = events.Select(recorded => recorded.Sequence).ToArray() });
            await insert.ExecuteNonQueryAsync(cancellationToken);
            if (events.Any(recorded => recorded.Data is OrderPlaced { Buyer: "poison" } && recorded.Stream != Digested) && !Digests)
                throw new InvalidOperationException("there is no such buyer");
            if (events.Any(recorded => recorded.Stream == waitAt))
            {
                entered.TrySetResult();
                await release.Task;
            }
        }
    }
}
