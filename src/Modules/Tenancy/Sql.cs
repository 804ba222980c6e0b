using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

internal static class Sql
{
    /// <summary>A command with its <c>$n</c> in order; null is SQL's null.</summary>
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params ReadOnlySpan<object?> parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter ?? DBNull.Value });
        return command;
    }

    public static string? TextOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static DateTimeOffset Time(this NpgsqlDataReader row, int column) => row.GetFieldValue<DateTimeOffset>(column);

    public static DateTimeOffset? TimeOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.Time(column);

    /// <summary>Of three columns: options, country, state.</summary>
    public static DataProcessing? DataProcessingOrNull(this NpgsqlDataReader row, int column) =>
        row.GetFieldValue<string[]>(column) is { Length: > 0 } options
            ? new DataProcessing(options, row.GetInt32(column + 1), row.GetInt32(column + 2))
            : null;

    public static async Task<IReadOnlyList<T>> ListAsync<T>(
        this NpgsqlCommand command,
        Func<NpgsqlDataReader, T> read,
        CancellationToken cancellationToken
    )
    {
        var list = new List<T>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            list.Add(read(rows));
        return list;
    }
}
