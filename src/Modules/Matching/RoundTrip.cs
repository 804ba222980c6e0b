using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>Statements that go to Postgres together; rows are handed to whoever asked for them.</summary>
internal sealed class RoundTrip(NpgsqlConnection connection)
{
    private readonly NpgsqlBatch batch = new(connection);
    private readonly List<Action<NpgsqlDataReader>> readers = [];

    public void Add(string sql, params NpgsqlParameter[] parameters) => batch.BatchCommands.Add(Command(sql, parameters));

    /// <param name="row">Is given each row.</param>
    public void Ask(string sql, Action<NpgsqlDataReader> row, params NpgsqlParameter[] parameters)
    {
        batch.BatchCommands.Add(Command(sql, parameters));
        readers.Add(row);
    }

    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        await using (batch)
        {
            if (batch.BatchCommands.Count == 0)
                return;
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            foreach (var row in readers)
            {
                while (await reader.ReadAsync(cancellationToken))
                    row(reader);
                await reader.NextResultAsync(cancellationToken);
            }
        }
    }

    public static NpgsqlParameter Varchars(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    public static NpgsqlParameter Texts(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    public static NpgsqlParameter Longs(IEnumerable<long> values) => new() { Value = values.ToArray() };

    public static NpgsqlParameter Times(IEnumerable<DateTimeOffset> values) =>
        new() { Value = values.Select(value => value.ToUniversalTime()).ToArray() };

    public static NpgsqlParameter Rules(IEnumerable<MatchRule> rules) => new() { Value = rules.Select(rule => (short)rule).ToArray() };

    public static NpgsqlParameter Hashes(IEnumerable<byte[]> hashes) => new() { Value = hashes.ToArray() };

    private static NpgsqlBatchCommand Command(string sql, NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        return command;
    }
}
