using Npgsql;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Holds a table, so that a host stops at the very statement that needs it, for as long as the test likes.</summary>
internal sealed class Trap : IAsyncDisposable
{
    private readonly TestDatabase database;
    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;

    private Trap(TestDatabase database, NpgsqlConnection connection, NpgsqlTransaction transaction) =>
        (this.database, this.connection, this.transaction) = (database, connection, transaction);

    /// <param name="mode">Of Postgres: <c>exclusive</c> lets others read, <c>access exclusive</c> lets them do nothing.</param>
    public static async Task<Trap> SetAsync(TestDatabase database, string table, string mode)
    {
        var connection = await database.DataSource.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand($"lock table {table} in {mode} mode", connection, transaction);
        await hold.ExecuteNonQueryAsync();
        return new(database, connection, transaction);
    }

    /// <summary>Waits until somebody waits for the table.</summary>
    public Task SprungAsync() => Eventually.TrueAsync(async () => await CaughtAsync() > 0, "a host waits for the table");

    /// <summary>Ends what is caught, as if its server had never heard of it: a killed host's statement would go on by itself.</summary>
    public async Task KillCaughtAsync()
    {
        await database.ExecuteAsync("select pg_terminate_backend(pid) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))", Pid);
        await Eventually.TrueAsync(async () => await CaughtAsync() == 0, "nobody waits for the table any more");
    }

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }

    private int Pid => connection.ProcessID;

    private Task<long> CaughtAsync() =>
        database.ScalarAsync<long>("select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))", Pid);
}
