namespace TrackAi.Contracts;

/// <param name="Waiting">Decided and not yet on its way.</param>
/// <param name="Active">On its way to Meta.</param>
/// <param name="Failed">Given up: dead letters.</param>
public sealed record QueueDepth(long Waiting, long Active, long Failed);

/// <summary>What keeps dispatches from going out, in numbers of pixels.</summary>
/// <param name="MetaCircuit"><c>closed</c> or <c>open</c>: whether Meta as a whole is left alone.</param>
/// <param name="Paused">Waiting for a token or a permission.</param>
/// <param name="TokenAlerts">Pixels whose token is invalid or about to expire.</param>
public sealed record DispatchCondition(string MetaCircuit, long OpenCircuits, long Paused, long Throttled, long TokenAlerts);

/// <summary>How full the dispatch queue is, and what holds it up. Implemented by Dispatch.</summary>
public interface IDispatchHealth
{
    Task<QueueDepth> ReadDepthAsync(CancellationToken cancellationToken);

    Task<DispatchCondition> ReadConditionAsync(CancellationToken cancellationToken);
}
