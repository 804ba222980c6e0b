using Npgsql;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>A program that knows Marten's tables and not ours appends by its own statements, as Marten's <c>StartStream</c> does, while a host runs.</summary>
public sealed class ForeignAppenderTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    private const string StartStream = """
        insert into mt_streams (tenant_id, id, type, version, timestamp, created, is_archived) values ('acme', @stream, 'order', 2, now(), now(), false);
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
        values (nextval('mt_events_sequence'), gen_random_uuid(), @stream, 1, '{"buyer":"far","total":1}', 'order_placed', now(), 'acme', 'Far.OrderPlaced, Far', false);
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
        values (nextval('mt_events_sequence'), gen_random_uuid(), @stream, 2, '{"amount":1}', 'order_paid', now(), 'acme', 'Far.OrderPaid, Far', false)
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_it_appends_is_passed_over_by_nobody_however_late_it_commits(bool rollBack)
    {
        var stream = $"order-foreign-{rollBack}";
        await using var host = await database.StartAsync();
        await using var foreign = NpgsqlDataSource.Create(database.ConnectionString);
        await using var connection = await foreign.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await StartAsync(connection, stream);
        var before = await host.Store.ReadHighWaterMarkAsync();

        for (var index = 0; index < 20; index++)
            (
                await host.Store.AppendAsync(new Append(Orders.Stream($"beside-{rollBack}-{index}"), [new OrderPlaced("x", index)]))
            ).ShouldBeOfType<AppendResult.Appended>();

        (await host.Store.ReadHighWaterMarkAsync()).ShouldBe(before, "its numbers are not final, so nothing above them is either");
        if (rollBack)
            await transaction.RollbackAsync();
        else
            await transaction.CommitAsync();
        await host.CaughtUpAsync("OrderLog");
        (await database.ScalarAsync<long>("select count(*) from order_log where seq > $1", before)).ShouldBe(rollBack ? 20 : 22);
        (await database.ScalarAsync<long>("select count(*) from order_log where stream = $1", stream)).ShouldBe(rollBack ? 0 : 2);
    }

    [Fact]
    public async Task Many_events_in_one_transaction_take_one_lock()
    {
        await using var host = await database.StartAsync(daemon: false);
        await using var foreign = NpgsqlDataSource.Create(database.ConnectionString);
        await using var connection = await foreign.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        for (var index = 0; index < 10; index++)
            await StartAsync(connection, $"order-many-{index}");

        (
            await database.ScalarAsync<long>($"select count(*) from pg_locks where locktype = 'advisory' and pid = {connection.ProcessID}")
        ).ShouldBe(1, "the server has room for some thousands of locks, and a transaction may have more events than that");
        await transaction.RollbackAsync();
    }

    [Fact]
    public async Task Whoever_hangs_while_appending_is_named()
    {
        await using var host = await database.StartAsync();
        await using var foreign = NpgsqlDataSource.Create($"{database.ConnectionString};Application Name=far away");
        await using var connection = await foreign.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await StartAsync(connection, "order-hanging");

        var end = await Eventually.ValueAsync(
            async () => await host.Store.ReadEndAsync() is { Holder.Hangs: true } end ? end : null,
            "the transaction to have lasted too long"
        );

        end.Holder.ShouldNotBeNull().Pid.ShouldBe(connection.ProcessID);
        (end.Holder.Application, end.Holder.State).ShouldBe(("far away", "idle in transaction"));
        (end.Highest - end.HighWaterMark).ShouldBe(2);
        await transaction.RollbackAsync();
        (await host.Store.ReadEndAsync()).Holder.ShouldBeNull();
    }

    private static async Task StartAsync(NpgsqlConnection connection, string stream)
    {
        await using var start = new NpgsqlCommand(StartStream, connection) { Parameters = { new("stream", stream) } };
        await start.ExecuteNonQueryAsync();
    }
}
