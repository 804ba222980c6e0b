using Npgsql;
using NpgsqlTypes;

namespace TrackAi.Analytics.Http;

internal static class Figures
{
    /// <summary>A statement over a tenant ($1), its days ($2 to $3) and maybe one gateway ($4).</summary>
    public static NpgsqlBatchCommand Of(string tenant, Period period, string? gateway, string sql) =>
        new(sql)
        {
            Parameters =
            {
                new() { Value = tenant },
                new() { Value = period.From },
                new() { Value = period.To },
                new() { Value = gateway ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
            },
        };

    /// <summary>Null when there is nothing to be a share of.</summary>
    public static decimal? Percent(long part, long whole) => whole == 0 ? null : Math.Round(100m * part / whole, 2);
}
