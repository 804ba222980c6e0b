using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

public sealed class SubscriptionTests : IAsyncLifetime
{
    private const int Orders = 400;

    private readonly OrdersDatabase database = new();

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        await database.ExecuteAsync("create table reaction (seq bigint not null)");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_subscription_reacts_once_to_each_event_although_hosts_are_stopped_in_the_middle_of_its_pages()
    {
        await using var appender = await database.StartAsync(daemon: false, AddPayOnPlacement);
        await Task.WhenAll(
            Enumerable
                .Range(0, Orders)
                .Select(index => appender.Store.AppendAsync(new Append(Tests.Orders.Stream($"{index}"), [new OrderPlaced("x", index)])))
        );

        var interrupted = 0;
        for (var turn = 0; turn < 6; turn++)
        {
            PayOnPlacement? subscription;
            await using (var host = await database.StartAsync(modules: AddPayOnPlacement))
            {
                subscription = host.Services.GetServices<ISubscription>().OfType<PayOnPlacement>().Single();
                await Eventually.TrueAsync(() => Task.FromResult(subscription.IsBusy), "the subscription to be in the middle of a page");
            }
            interrupted += subscription.Interrupted;
        }
        interrupted.ShouldBe(6, "each host was stopped in the middle of its first page");

        await using var last = await database.StartAsync(modules: services => AddPayOnPlacement(services, TimeSpan.Zero));
        await last.CaughtUpAsync("PayOnPlacement");

        (await database.ScalarAsync<long>("select count(*) from reaction")).ShouldBe(Orders);
        (await database.ScalarAsync<long>("select count(distinct seq) from reaction")).ShouldBe(Orders);
        (await database.ScalarAsync<long>("select count(*) from mt_events where type = 'order_paid'")).ShouldBe(Orders);
        (
            await database.ScalarAsync<long>(
                """
                select count(*) from mt_events paid join mt_events placed using (tenant_id, stream_id)
                where paid.type = 'order_paid' and placed.type = 'order_placed' and paid.causation_id = placed.id::text and paid.version = 2
                """
            )
        ).ShouldBe(Orders);
    }

    [Fact]
    public async Task Events_of_one_session_keep_their_own_cause_also_in_one_stream()
    {
        await using var host = await database.StartAsync(daemon: false);
        var stream = Tests.Orders.Stream("causes");

        await using (var session = await host.Store.OpenSessionAsync())
        {
            session.Append(new Append(stream, [new OrderNoted("one")]) { CausationId = "first" });
            session.Append(new Append(stream, [new OrderNoted("two")]) { CausationId = "second" });
            await session.CommitAsync(CancellationToken.None);
        }

        (await host.Store.ReadStreamAsync(stream))
            .Select(recorded => (recorded.Version, recorded.CausationId))
            .ShouldBe([(1, "first"), (2, "second")]);
    }

    private static void AddPayOnPlacement(IServiceCollection services) => AddPayOnPlacement(services, TimeSpan.FromMinutes(5));

    private static void AddPayOnPlacement(IServiceCollection services, TimeSpan patience) =>
        services.AddSingleton<ISubscription>(new PayOnPlacement(patience));

    /// <summary>Appends an event and writes a row for each order, and takes its time in between.</summary>
    private sealed class PayOnPlacement(TimeSpan patience) : ISubscription
    {
        private int pages;

        public string Name => "PayOnPlacement";

        public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(OrderPlaced)];

        public bool IsBusy { get; private set; }

        public int Interrupted { get; private set; }

        public async Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken)
        {
            foreach (var recorded in events)
                session.Append(new Append(recorded.Stream, [new OrderPaid(1)]) { CausationId = $"{recorded.Id}" });
            await using var insert = new NpgsqlCommand("insert into reaction (seq) select unnest($1)", session.Connection);
            insert.Parameters.Add(new() { Value = events.Select(recorded => recorded.Sequence).ToArray() });
            await insert.ExecuteNonQueryAsync(cancellationToken);

            IsBusy = true;
            try
            {
                await using var wait = new NpgsqlCommand("select pg_sleep($1)", session.Connection);
                wait.Parameters.Add(new() { Value = pages++ == 0 ? patience.TotalSeconds : 0 });
                await wait.ExecuteNonQueryAsync(cancellationToken);
            }
            catch
            {
                Interrupted++;
                throw;
            }
        }
    }
}
