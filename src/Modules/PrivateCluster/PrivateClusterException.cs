namespace TrackAi.PrivateCluster;

/// <summary>The private cluster cannot be used; the message says what to do about it.</summary>
public class PrivateClusterException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>No PostgreSQL server binaries on this machine (or none of the version that made the cluster).</summary>
public sealed class PostgresNotFoundException(string message) : PrivateClusterException(message);
