using Npgsql;
using TrackAi.EventStore;
using Xunit;

namespace TrackAi.Testing;

/// <summary>A database of its own for one test class, on the server that all test processes share.</summary>
public class TestDatabase : IAsyncLifetime
{
    private string name = "";

    public string ConnectionString { get; protected set; } = "";

    public NpgsqlDataSource DataSource { get; protected set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        name = await PostgresServer.CreateDatabaseAsync();
        ConnectionString = new NpgsqlConnectionStringBuilder(await PostgresServer.ConnectionStringAsync())
        {
            Database = name,
        }.ConnectionString;
        // The hosts connect with the product's patience, the test with its own.
        DataSource = EventStoreModule.CreateDataSource(
            new NpgsqlConnectionStringBuilder(ConnectionString) { Timeout = 60, CommandTimeout = 180 }.ConnectionString
        );
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DataSource.DisposeAsync();
        if (name.Length > 0)
            await PostgresServer.DropDatabaseAsync(name);
    }

    /// <summary>The first column of the first row.</summary>
    public async Task<T> ScalarAsync<T>(string sql, params object[] parameters)
    {
        await using var command = Command(sql, parameters);
        var value = await command.ExecuteScalarAsync();
        return value is DBNull or null ? default! : (T)value;
    }

    public async Task ExecuteAsync(string sql, params object[] parameters)
    {
        await using var command = Command(sql, parameters);
        await command.ExecuteNonQueryAsync();
    }

    private NpgsqlCommand Command(string sql, object[] parameters)
    {
        var command = DataSource.CreateCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        return command;
    }
}
