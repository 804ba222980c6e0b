using Npgsql;

namespace TrackAi.EventStore.Running;

/// <summary>What went wrong while events were applied.</summary>
internal static class Faults
{
    /// <summary>
    /// Whether the projection or the event is to blame, so that trying again is of no use: a broken connection or a lost lease is neither's fault, what Postgres
    /// says of a statement is.
    /// </summary>
    public static bool AreOfTheCode(Exception exception) =>
        exception switch
        {
            PostgresException postgres => !postgres.IsTransient && !postgres.SqlState.StartsWith("57P", StringComparison.Ordinal),
            OperationCanceledException or ShardLostException or NpgsqlException or IOException or TimeoutException => false,
            _ => true,
        };
}
