using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace TrackAi.PrivateCluster;

/// <summary>Where a private cluster lives and how its server is set up.</summary>
public sealed record PrivateClusterOptions
{
    /// <summary>The product's data directory; the cluster is kept in its folder <c>postgres</c>.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>How many sessions the server accepts.</summary>
    public int MaxConnections { get; init; } = 200;

    /// <summary>Server settings that go before the defaults. They hold for the process that starts the server; whoever attaches takes it as it is.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public ILogger Logger { get; init; } = NullLogger.Instance;
}
