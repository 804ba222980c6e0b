namespace TrackAi.Dispatch.Queue;

/// <summary>Straight from the table. Whoever queues something notifies; a host that dies gives its claims back by their end.</summary>
internal sealed class PostgresTransport(PostgresQueue queue) : IDispatchTransport
{
    public Task StartAsync(Action call, CancellationToken stopping) => queue.TakeBackAsync(null, stopping);

    public Task<IReadOnlyList<ClaimedDispatch>> TakeAsync(Take take, CancellationToken cancellationToken) =>
        queue.TakeAsync(take, cancellationToken);

    public Task<DateTimeOffset?> ReadNextDueAsync(IReadOnlyCollection<Lane> busy, bool circuits, CancellationToken cancellationToken) =>
        queue.ReadNextDueAsync(busy, circuits, cancellationToken);

    public Task ExtendAsync(
        Guid claim,
        IReadOnlyCollection<string> dispatches,
        DateTimeOffset until,
        CancellationToken cancellationToken
    ) => queue.ExtendAsync(claim, dispatches, until, cancellationToken);

    public Task FinishAsync(Guid claim, IReadOnlyCollection<string> dispatches, CancellationToken cancellationToken) => Task.CompletedTask;
}
