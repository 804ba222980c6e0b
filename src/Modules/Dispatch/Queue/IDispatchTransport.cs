namespace TrackAi.Dispatch.Queue;

/// <summary>
/// How dispatches get from the table that is written with the log to the hosts that send them. The table is the truth with every transport: a
/// dispatch is in it until its end is in the log, so whatever a transport loses, repeats or shuffles, each is recorded once.
/// </summary>
internal interface IDispatchTransport
{
    /// <summary>Begins to bring dispatches near; <paramref name="call"/> says that there may be something to take.</summary>
    Task StartAsync(Action call, CancellationToken stopping);

    /// <summary>Dispatches that are this host's until <see cref="Take.Until"/>, or longer where they are kept up.</summary>
    Task<IReadOnlyList<ClaimedDispatch>> TakeAsync(Take take, CancellationToken cancellationToken);

    /// <summary>When there may be something to take; null when only a call can tell.</summary>
    Task<DateTimeOffset?> ReadNextDueAsync(IReadOnlyCollection<Lane> busy, bool circuits, CancellationToken cancellationToken);

    /// <summary>Keeps up what is being worked on.</summary>
    Task ExtendAsync(Guid claim, IReadOnlyCollection<string> dispatches, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Of these nothing more is expected under this claim: each was recorded, postponed or released.</summary>
    Task FinishAsync(Guid claim, IReadOnlyCollection<string> dispatches, CancellationToken cancellationToken);
}
