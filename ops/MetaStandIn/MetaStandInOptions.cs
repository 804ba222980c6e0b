namespace TrackAi.MetaStandIn;

/// <summary>What a stand-in for Meta is started with.</summary>
public sealed record MetaStandInOptions
{
    /// <summary>0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>Every accepted event is appended here and read back at the next start; null keeps them in memory only.</summary>
    public string? LedgerFile { get; init; }

    /// <summary>The clock that <c>event_time</c> is judged by. Injected delays pass in real time.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The access tokens Meta knows; null means any that is not empty.</summary>
    public IReadOnlyCollection<string>? ValidTokens { get; init; }

    /// <summary>The pixels Meta knows; null means any.</summary>
    public IReadOnlyCollection<string>? KnownPixels { get; init; }

    /// <summary>When set, each request has to prove that it knows the app's secret (<c>appsecret_proof</c>).</summary>
    public string? AppSecret { get; init; }
}
