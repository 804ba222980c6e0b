using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>Decides what goes to Meta; the decision and its place in the queue commit together.</summary>
internal sealed class RequestDispatches(ITenantDirectory tenants, ForeseeRefusals foresee, GraceOptions grace, TimeProvider time)
    : ISubscription
{
    public const string ShardName = Deciders.Dispatch;

    public string Name => ShardName;

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [typeof(ConversionMatched), typeof(ConversionUnmatched), typeof(ConversionStateChanged), typeof(ConversionEnriched)];

    public async Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken)
    {
        var streams = await session.ReadStreamsAsync([.. events.Select(recorded => recorded.Stream)], cancellationToken);
        var now = time.GetUtcNow();
        var queued = new List<QueuedDispatch>();
        foreach (var stream in streams)
        {
            if (!ConversionToDispatch.From(stream).MayBeDecided)
                continue;
            DispatchSkipped? skipped = null;
            foreach (var cause in events.Where(recorded => recorded.Stream == stream.Key))
            {
                // As of each event, so that the decision does not depend on what else came in the same page.
                var conversion = AfterSkip(stream, cause, skipped);
                var decision = await DecideAsync(stream.Key, conversion, now, cancellationToken);
                if (decision.Count == 0)
                    continue;
                session.Append(new Append(stream.Key, decision) { CausationId = $"{cause.Id}" });
                // A late click may still come for a sale without one.
                var dueAt = conversion.ClickId is null ? now.AddSeconds(Math.Max(grace.GraceSeconds, SecondsForToken(conversion))) : now;
                queued.AddRange(Queued(stream.Key.TenantId, conversion, decision, dueAt, now));
                skipped = decision[0] as DispatchSkipped;
                if (skipped is { Reason: DispatchDecision.NoPixel })
                    await ReviveSkipped.RememberAsync(
                        session.Connection,
                        stream.Key.TenantId,
                        conversion.Received!,
                        conversion.ExpiresAt,
                        cancellationToken
                    );
                if (skipped is null)
                    break;
            }
        }

        await PostgresQueue.EnqueueAsync(session.Connection, queued, cancellationToken);
    }

    /// <summary>What came after it may have decided the sale meanwhile, by all that is in its stream: then there is nothing left to decide.</summary>
    public async Task HandleSkippedAsync(RecordedEvent skipped, EventSession session, CancellationToken cancellationToken)
    {
        var stream = (await session.ReadStreamsAsync([skipped.Stream], cancellationToken))[skipped.Stream];
        if (!stream.Any(recorded => recorded.Sequence > skipped.Sequence && recorded.Data is DispatchRequested or DispatchSkipped))
            await HandleAsync([skipped], session, cancellationToken);
    }

    // The delivery that says it is paid brings a token that the one before had not: Matching reads the same event and joins the sale meanwhile.
    private static int SecondsForToken(ConversionToDispatch conversion) => conversion.Approval?.ClickId is null ? 0 : 1;

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

    // A skip that was decided a moment ago is not in the stream yet.
    private static ConversionToDispatch AfterSkip(IEnumerable<RecordedEvent> stream, RecordedEvent cause, DispatchSkipped? skipped)
    {
        var conversion = ConversionToDispatch.From(stream.Where(recorded => recorded.Sequence <= cause.Sequence));
        if (skipped is null)
            return conversion;
        var before = ConversionToDispatch.From(stream.Where(recorded => recorded.Sequence < cause.Sequence));
        return conversion with
        {
            SkipReason = skipped.Reason,
            ClickWhenSkipped = before.ClickId,
            IsToldMore = cause.Data is ConversionEnriched,
        };
    }

    private async Task<IReadOnlyList<object>> DecideAsync(
        StreamId stream,
        ConversionToDispatch conversion,
        DateTimeOffset now,
        CancellationToken cancellationToken
    ) =>
        conversion.Received is { } received
            ? DispatchDecision.Decide(
                conversion,
                tenants.RoutePixels(stream.TenantId, received.Gateway, received.ProductId),
                tenants.SendsRenewals(stream.TenantId, received.Gateway, received.ProductId),
                await foresee.RefusalOfAsync(stream, conversion, now, cancellationToken),
                now
            )
            : [];
}
