using Npgsql;

namespace TrackAi.PrivateCluster.Tests;

static class Sql
{
    public static async Task<string?> AskAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false });
        await using var command = source.CreateCommand(sql);
        return (await command.ExecuteScalarAsync())?.ToString();
    }

    public static async Task<bool> AnswersAsync(string connectionString)
    {
        try
        {
            return await AskAsync(connectionString, "select 1") is "1";
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    public static int Port(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString).Port;
}
