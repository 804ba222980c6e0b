using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Analytics;

internal static class ScopedCommand
{
    /// <summary>A statement over a tenant ($1), its days ($2 to $3), and maybe one gateway ($4) and one funnel ($5).</summary>
    public static NpgsqlCommand Over(this NpgsqlDataSource dataSource, FigureScope scope, string sql)
    {
        var command = dataSource.CreateCommand(sql);
        command.Parameters.Add(new() { Value = scope.TenantId });
        command.Parameters.Add(new() { Value = scope.From });
        command.Parameters.Add(new() { Value = scope.To });
        command.Parameters.Add(new() { Value = scope.Gateway ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = scope.Funnel ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        return command;
    }
}
