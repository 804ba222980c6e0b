using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>Decides what goes to Meta; the decision and its place in the queue commit together.</summary>
internal sealed class RequestDispatches(ITenantDirectory tenants, GraceOptions grace, TimeProvider time) : ISubscription
{
    public const string ShardName = "Dispatch";

    public string Name => ShardName;

    public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(ConversionMatched), typeof(ConversionUnmatched), typeof(ConversionStateChanged)];

    public async Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken)
    {
        var streams = await session.ReadStreamsAsync([.. events.Select(recorded => recorded.Stream)], cancellationToken);
        var now = time.GetUtcNow();
        var queued = new List<QueuedDispatch>();
        foreach (var stream in streams)
        {
            var conversion = ConversionToDispatch.From(stream);
            if (conversion.Received is not { } received)
                continue;
            var decision = DispatchDecision.Decide(conversion, tenants.RoutePixels(stream.Key.TenantId, received.Gateway, received.ProductId), now);
            if (decision.Count == 0)
                continue;

            session.Append(new Append(stream.Key, decision));
            // A late click may still come for a sale without one.
            var dueAt = conversion.ClickId is null ? now.AddSeconds(grace.GraceSeconds) : now;
            queued.AddRange(
                decision
                    .OfType<DispatchRequested>()
                    .Select(request => new QueuedDispatch(request.DispatchId, stream.Key.TenantId, request.ConversionId, request.PixelId, dueAt, now))
            );
        }

        await PostgresQueue.EnqueueAsync(session.Connection, queued, cancellationToken);
    }
}
