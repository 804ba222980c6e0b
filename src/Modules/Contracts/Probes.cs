namespace TrackAi.Contracts;

/// <summary>One step of a probe, and what was found there or lost.</summary>
public sealed record ProbeStep(string Name, bool Ok, string Found);

/// <summary>
/// A marked click and a marked sale of a funnel through this very host, over HTTP: at which step is an identifier lost? They end before Meta.
/// Implemented by the host.
/// </summary>
public interface IProbes
{
    /// <param name="segment">What the gateway's webhook URL ends with, where it asks for a secret segment.</param>
    IAsyncEnumerable<ProbeStep> RunAsync(string tenant, string funnel, string? segment, CancellationToken cancellationToken = default);
}
