using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>Decides what goes to Meta; the decision and its place in the queue commit together.</summary>
internal sealed class RequestDispatches(ITenantDirectory tenants, GraceOptions grace, TimeProvider time) : ISubscription
{
    public const string ShardName = "Dispatch";

    public string Name => ShardName;

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [typeof(ConversionMatched), typeof(ConversionUnmatched), typeof(ConversionStateChanged)];

    public async Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken)
    {
        var streams = await session.ReadStreamsAsync([.. events.Select(recorded => recorded.Stream)], cancellationToken);
        var now = time.GetUtcNow();
        var queued = new List<QueuedDispatch>();
        foreach (var stream in streams)
        {
            // As of each event, so that the decision does not depend on what else came in the same page.
            if (Decided(ConversionToDispatch.From(stream)))
                continue;
            foreach (var cause in events.Where(recorded => recorded.Stream == stream.Key))
            {
                var conversion = ConversionToDispatch.From(stream.Where(recorded => recorded.Sequence <= cause.Sequence));
                var decision = Decide(stream.Key.TenantId, conversion, now);
                if (decision.Count == 0)
                    continue;
                session.Append(new Append(stream.Key, decision) { CausationId = $"{cause.Id}" });
                // A late click may still come for a sale without one.
                var dueAt = conversion.ClickId is null ? now.AddSeconds(grace.GraceSeconds) : now;
                queued.AddRange(Queued(stream.Key.TenantId, conversion, decision, dueAt, now));
                if (decision is [DispatchSkipped { Reason: DispatchDecision.NoPixel }])
                    await ReviveSkipped.RememberAsync(
                        session.Connection,
                        stream.Key.TenantId,
                        conversion.Received!,
                        conversion.ExpiresAt,
                        cancellationToken
                    );
                break;
            }
        }

        await PostgresQueue.EnqueueAsync(session.Connection, queued, cancellationToken);
    }

    /// <summary>The rows of the queue that a decision asks for.</summary>
    public static IReadOnlyList<QueuedDispatch> Queued(
        string tenant,
        ConversionToDispatch conversion,
        IReadOnlyList<object> decision,
        DateTimeOffset dueAt,
        DateTimeOffset now
    ) =>
        [
            .. decision
                .OfType<DispatchRequested>()
                .Select(request => new QueuedDispatch(
                    request.DispatchId,
                    tenant,
                    request.ConversionId,
                    request.PixelId,
                    dueAt,
                    now,
                    conversion.ExpiresAt
                )),
        ];

    private static bool Decided(ConversionToDispatch conversion) => conversion.SkipReason is not null || conversion.Requested.Count > 0;

    private IReadOnlyList<object> Decide(string tenant, ConversionToDispatch conversion, DateTimeOffset now) =>
        conversion.Received is { } received
            ? DispatchDecision.Decide(
                conversion,
                tenants.RoutePixels(tenant, received.Gateway, received.ProductId),
                tenants.SendsRenewals(tenant, received.Gateway, received.ProductId),
                now
            )
            : [];
}
