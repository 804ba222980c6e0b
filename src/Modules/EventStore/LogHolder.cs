using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// The open transaction that the log's readers wait for: it announced that it appends, and has not ended. One that lasts longer than a moment hangs, and nothing
/// that was appended since is read until it commits, rolls back or is ended by <c>pg_terminate_backend</c>.
/// </summary>
/// <param name="Pid">Of its server process.</param>
/// <param name="Application">As it calls itself; null where this role may not see it.</param>
/// <param name="State">Postgres' word: <c>active</c>, <c>idle in transaction</c>; null where this role may not see it.</param>
/// <param name="For">How long the transaction has been open; null where this role may not see it.</param>
public sealed record LogHolder(int Pid, string? Application, string? State, TimeSpan? For)
{
    /// <summary>No append of ours takes so long.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public bool Hangs => For is null || For > Patience;

    /// <summary>The one that began first; null when nobody is appending.</summary>
    internal static async Task<LogHolder?> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var select = new NpgsqlCommand(
            """
            select l.pid, nullif(a.application_name, ''), a.state, clock_timestamp() - a.xact_start
            from pg_locks l left join pg_stat_activity a on a.pid = l.pid
            where l.locktype = 'advisory' and l.objsubid = 1 and (l.classid::bigint >> 16) = 21569
              and l.database = (select d.oid from pg_database d where d.datname = current_database())
            order by (l.classid::bigint << 32) | l.objid::bigint, a.xact_start
            limit 1
            """,
            connection
        );
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? new LogHolder(
                row.GetInt32(0),
                row.IsDBNull(1) ? null : row.GetString(1),
                row.IsDBNull(2) ? null : row.GetString(2),
                row.IsDBNull(3) ? null : row.GetTimeSpan(3)
            )
            : null;
    }
}

/// <summary>The end of the log: what is final, and what has been drawn.</summary>
/// <param name="HighWaterMark">Below it nothing can appear any more.</param>
/// <param name="Highest">The highest number drawn; what lies between is not read yet.</param>
/// <param name="Holder">Who is waited for; null when nobody is.</param>
public sealed record LogEnd(long HighWaterMark, long Highest, LogHolder? Holder);
