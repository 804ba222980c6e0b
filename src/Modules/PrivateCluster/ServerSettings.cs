using System.Globalization;

namespace TrackAi.PrivateCluster;

/// <summary>How the private server is set up, whatever its configuration files say.</summary>
static class ServerSettings
{
    public static Dictionary<string, string> Defaults(int maxConnections) =>
        new(StringComparer.Ordinal)
        {
            // Reachable by this machine only, with the password.
            ["listen_addresses"] = "127.0.0.1",
            ["unix_socket_directories"] = "",
            ["max_connections"] = maxConnections.ToString(CultureInfo.InvariantCulture),
            // A commit that was acknowledged is on disk.
            ["fsync"] = "on",
            ["synchronous_commit"] = "on",
            ["full_page_writes"] = "on",
            // A small server beside its host.
            ["shared_buffers"] = SharedBuffers(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes),
            ["wal_buffers"] = "16MB",
            ["min_wal_size"] = "256MB",
            ["max_wal_size"] = "2GB",
            ["checkpoint_timeout"] = "10min",
            ["random_page_cost"] = "1.1",
            ["jit"] = "off",
            // Queue tables turn over all the time.
            ["autovacuum_naptime"] = "15s",
            ["timezone"] = "UTC",
            // Statements, their parameters and the values in error messages are personal data here: the log gets the server's own messages and nothing of a session.
            ["logging_collector"] = "off",
            ["log_destination"] = "stderr",
            ["log_timezone"] = "UTC",
            ["log_min_messages"] = "log",
            ["log_statement"] = "none",
            ["log_min_duration_statement"] = "-1",
            ["log_min_error_statement"] = "panic",
            ["log_error_verbosity"] = "terse",
            ["log_parameter_max_length"] = "0",
            ["log_parameter_max_length_on_error"] = "0",
            ["log_checkpoints"] = "off",
        };

    /// <summary>An eighth of the memory, from 128 MB to 1 GB.</summary>
    internal static string SharedBuffers(long memory) =>
        string.Create(CultureInfo.InvariantCulture, $"{Math.Clamp(memory / 8 / 1024 / 1024, 128, 1024)}MB");
}
