using Npgsql;

namespace TrackAi.EventStore.Reading;

/// <summary>
/// The position below which nothing can appear in the log any more. A proof, not a time-out:
/// <para>
/// Every appender takes an advisory lock that holds the sequence's value before it draws its first number (<c>es_append</c>), and keeps it
/// until its rows are visible or rolled back. So first read the sequence (S), then the locks. A number up to S was drawn by a transaction that
/// held its lock before S was read: it is either among the locks, and then above its lower bound, or it has ended, and a snapshot taken now sees
/// what it committed. Hence min(S, lowest bound) is final. Gaps do not matter, nor do open transactions of others, nor other databases.
/// </para>
/// </summary>
internal static class HighWaterMark
{
    /// <returns>The mark, and the highest number drawn; they differ while an appender is at work.</returns>
    public static async Task<(long Mark, long Highest)> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Two statements, in this order, each with its own look at the server.
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("select last_value - case when is_called then 0 else 1 end from mt_events_sequence"),
                new("select es_lowest_appender()"),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var highest = reader.GetInt64(0);
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.IsDBNull(0) ? highest : Math.Min(highest, reader.GetInt64(0)), highest);
    }
}
