using Npgsql;
using NpgsqlTypes;

namespace TrackAi.Analytics.Http;

internal static class Figures
{
    /// <summary>A statement over a tenant ($1), its days ($2 to $3) and maybe one gateway ($4).</summary>
    public static NpgsqlCommand Of(NpgsqlDataSource dataSource, string tenant, Period period, string? gateway, string sql)
    {
        var command = dataSource.CreateCommand(sql);
        command.Parameters.Add(new() { Value = tenant });
        command.Parameters.Add(new() { Value = period.From });
        command.Parameters.Add(new() { Value = period.To });
        command.Parameters.Add(new() { Value = gateway ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        return command;
    }

    /// <summary>Null when there is nothing to be a share of.</summary>
    public static decimal? Percent(long part, long whole) => whole == 0 ? null : Math.Round(100m * part / whole, 2);
}
