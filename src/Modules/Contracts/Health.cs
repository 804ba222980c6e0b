namespace TrackAi.Contracts;

/// <param name="Waiting">Decided and not yet on its way.</param>
/// <param name="Active">On its way to Meta.</param>
/// <param name="Failed">Given up: dead letters.</param>
public sealed record QueueDepth(long Waiting, long Active, long Failed);

/// <summary>How full the dispatch queue is. Implemented by Dispatch.</summary>
public interface IDispatchHealth
{
    Task<QueueDepth> ReadDepthAsync(CancellationToken cancellationToken);
}
