using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

public sealed class IdleTests(IdleTests.Server server) : IClassFixture<IdleTests.Server>
{
    private const int Renewals = 16;

    /// <summary>With production's times.</summary>
    public sealed class Server : TrackAiServer;

    // As docs/performance.md says to measure it: the transactions of the database, by Postgres' own count.
    [Fact]
    public async Task A_host_with_nothing_to_do_leaves_Postgres_nearly_alone()
    {
        var seller = await server.NewSellerAsync();
        (await seller.DeliverAsync(Seller.Sale(seller.NewOrder()))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        var database = await server.Database.ScalarAsync<string>("select current_database()::text");
        // Renewals of its leases are the clock, counted where the counting costs the measured database nothing.
        await using var elsewhere = Npgsql.NpgsqlDataSource.Create(await PostgresServer.ConnectionStringAsync());

        // Sessions may report what they did up to ten seconds later: the first window has the end of the work before it.
        await WindowAsync();
        var (transactions, seconds) = await WindowAsync();

        var perMinute = transactions * 60 / seconds;
        TestContext.Current.TestOutputHelper?.WriteLine($"{perMinute:0} transactions a minute");
        // A loop without a wait asks thousands of times; a busy machine stretches what the work before left to be counted.
        perMinute.ShouldBeInRange(30, 2000, "the leases are renewed, and nobody asks in a loop");

        async Task<(double Transactions, double Seconds)> WindowAsync()
        {
            var (from, began) = await CountAsync();
            var (now, ended) = (from, began);
            await Eventually.TrueAsync(
                async () =>
                {
                    (now, ended) = await CountAsync();
                    return (ended - began) > Renewals * 1.25;
                },
                "the host to renew its leases some times"
            );
            return (now - from, ended - began);
        }

        async Task<(double Transactions, double At)> CountAsync()
        {
            await using var select = elsewhere.CreateCommand(
                $"""
                select (xact_commit + xact_rollback)::float8, extract(epoch from clock_timestamp())::float8
                from pg_stat_database where datname = '{database}'
                """
            );
            await using var row = await select.ExecuteReaderAsync();
            await row.ReadAsync();
            return (row.GetDouble(0), row.GetDouble(1));
        }
    }
}
