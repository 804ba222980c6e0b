using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.Dispatch.DeadLetters;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Replay;

/// <summary>
/// Puts what replayed decisions request into the queue, as a redrive or as the request it never was, and sends it from here or sees a running host
/// send it: whoever claims it.
/// </summary>
internal sealed class SendReplayed(
    PostgresEventStore store,
    IDeadLetters letters,
    PostgresQueue queue,
    PrepareDispatches prepare,
    RecordAttempts record,
    SendLane send,
    Claims claims,
    Ids ids,
    DispatchOptions options,
    TimeProvider time
) : IDispatchReplay
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public async Task<IReadOnlyList<ReplayedDispatch>> PlanAsync(
        IReadOnlyCollection<ReplayedRequest> requests,
        ReplayConsent consent,
        CancellationToken cancellationToken
    )
    {
        ReplayedRequest[] distinct = [.. requests.DistinctBy(replayed => replayed.Request.DispatchId, StringComparer.Ordinal)];
        var streams = await store.ReadStreamsAsync([.. distinct.Select(StreamOf).Distinct()], cancellationToken);
        var dead = (
            await letters.ListAsync(
                new DeadLetterFilter(DispatchIds: [.. distinct.Select(one => one.Request.DispatchId)], Limit: int.MaxValue),
                cancellationToken
            )
        ).ToDictionary(letter => letter.DispatchId, StringComparer.Ordinal);
        var now = time.GetUtcNow();
        return
        [
            .. distinct.Select(one =>
                ReplayPlan.Of(one, [.. streams[StreamOf(one)]], dead.GetValueOrDefault(one.Request.DispatchId), consent, now)
            ),
        ];
    }

    public async Task<IReadOnlyList<ReplayedDispatch>> SendAsync(
        IReadOnlyCollection<ReplayedRequest> requests,
        ReplayConsent consent,
        string by,
        CancellationToken cancellationToken
    )
    {
        var before = await store.ReadHighWaterMarkAsync(cancellationToken);
        var plan = await PlanAsync(requests, consent, cancellationToken);
        var toSend = plan.Where(one => one.IsSent).ToArray();
        if (toSend.Length == 0)
            return plan;
        var asked = requests
            .Select(one => one.Request)
            .DistinctBy(one => one.DispatchId, StringComparer.Ordinal)
            .ToDictionary(one => one.DispatchId, StringComparer.Ordinal);

        var redriven = (
            await letters.RedriveAsync(
                new DeadLetterFilter(DispatchIds: [.. toSend.Select(one => one.DispatchId)], Limit: int.MaxValue),
                by,
                consent.Force,
                cancellationToken
            )
        )
            .Redriven.Select(letter => letter.DispatchId)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var one in toSend.Where(one => !redriven.Contains(one.DispatchId)))
            await EnqueueAsync(one, asked[one.DispatchId], by, cancellationToken);

        using var stopped = new CancellationTokenSource();
        var keeping = claims.KeepUpAsync(stopped.Token);
        try
        {
            foreach (var lane in toSend.GroupBy(one => new Lane(one.TenantId, one.PixelId)))
            foreach (var batch in lane.Chunk(options.BatchSize))
                await DispatchAsync(lane.Key, [.. batch.Select(one => one.DispatchId)], cancellationToken);
        }
        finally
        {
            await stopped.CancelAsync();
            await keeping;
        }

        return await OutcomesAsync(plan, before, cancellationToken);
    }

    /// <summary>What was confirmed before is asked for again; what was never requested is requested now.</summary>
    private async Task EnqueueAsync(ReplayedDispatch one, DispatchRequested request, string by, CancellationToken cancellationToken)
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        var stream = new StreamId(one.TenantId, Streams.Conversion(one.ConversionId));
        RecordedEvent[] events = [.. (await session.ReadStreamsAsync([stream], cancellationToken))[stream]];
        var conversion = ConversionToDispatch.From(events);
        // Somebody else redrives it at this moment.
        if (one.Expectation != Expectation.AlreadySent && conversion.Requested.ContainsKey(one.DispatchId))
            return;
        var (now, id, confirmedAt) = (time.GetUtcNow(), ids.New(), ReplayPlan.ConfirmedAt(events, one.DispatchId));
        object fact = confirmedAt is { } at
            ? new DispatchRedriven(
                one.ConversionId,
                request.Gateway,
                one.DispatchId,
                one.PixelId,
                id,
                now - at < Attempt.DeduplicationTime ? Expectation.WillBeDeduplicated : Expectation.MayCountTwice,
                by,
                null,
                now
            )
            : request with
            {
                ClickId = conversion.ClickId,
                RequestedAt = now,
            };
        // Whatever came in the meantime would have to be looked at first: then it is refused.
        session.Append(new Append(stream, [fact]) { ExpectedVersion = events[^1].Version, CorrelationId = $"{id}" });
        await using var insert = new NpgsqlCommand(
            """
            insert into dispatch_queue
                (dispatch_id, tenant_id, conversion_id, pixel_id, attempt, due_at, requested_at, expires_at, unknown_since, redrive_id)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            on conflict do nothing
            """,
            session.Connection
        )
        {
            Parameters =
            {
                new() { Value = one.DispatchId },
                new() { Value = one.TenantId },
                new() { Value = one.ConversionId },
                new() { Value = one.PixelId },
                new() { Value = Attempts(events, one.DispatchId) },
                new() { Value = now },
                new() { Value = conversion.Requested.GetValueOrDefault(one.DispatchId)?.RequestedAt ?? now },
                new() { Value = conversion.ExpiresAt },
                new() { Value = (object?)confirmedAt ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = id },
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
        await session.CommitAsync(cancellationToken);
    }

    private static int Attempts(IEnumerable<RecordedEvent> events, string dispatchId) =>
        events.Count(recorded =>
            recorded.Data switch
            {
                DispatchSucceeded sent => sent.DispatchId == dispatchId,
                DispatchFailed failed => failed.DispatchId == dispatchId,
                DispatchDeadLettered dead => dead.DispatchId == dispatchId,
                _ => false,
            }
        );

    // A running host may have been quicker: then its word is waited for. Where the pixel is paused, all stays in the queue.
    private async Task DispatchAsync(Lane lane, IReadOnlyCollection<string> dispatches, CancellationToken cancellationToken)
    {
        var deadline = time.GetUtcNow() + (2 * options.ClaimTime);
        while (true)
        {
            var (claim, now) = (ids.New(), time.GetUtcNow());
            var take = new Take(claim, now, now + options.ClaimTime, dispatches.Count, dispatches.Count, [], default, Circuits: true);
            var (claimed, left) = await queue.ClaimAsync(take, lane, dispatches, cancellationToken);
            if (claimed.Count > 0)
                await DispatchAsync(claim, lane, claimed, cancellationToken);
            if (left == 0 || now > deadline)
                return;
            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private async Task DispatchAsync(Guid claim, Lane lane, IReadOnlyList<ClaimedDispatch> claimed, CancellationToken cancellationToken)
    {
        claims.Add(claim, claimed);
        try
        {
            var ready = await prepare.HandleAsync(claimed, cancellationToken);
            // Not cancelled: what was sent must be recorded.
            await record.HandleAsync(claim, ready.Ended, ready.AlreadyConfirmed, CancellationToken.None);
            await send.HandleAsync(claim, lane, ready.ToSend);
        }
        finally
        {
            claims.Remove(claim);
        }
    }

    private async Task<IReadOnlyList<ReplayedDispatch>> OutcomesAsync(
        IReadOnlyList<ReplayedDispatch> plan,
        long before,
        CancellationToken cancellationToken
    )
    {
        var streams = await store.ReadStreamsAsync(
            [.. plan.Where(one => one.IsSent).Select(one => new StreamId(one.TenantId, Streams.Conversion(one.ConversionId))).Distinct()],
            cancellationToken
        );
        return
        [
            .. plan.Select(one =>
                one.IsSent
                    ? streams[new StreamId(one.TenantId, Streams.Conversion(one.ConversionId))]
                        .Where(recorded => recorded.Sequence > before)
                        .Aggregate(one with { Outcome = "waiting" }, (outcome, recorded) => Learn(outcome, recorded.Data))
                    : one
            ),
        ];
    }

    private static ReplayedDispatch Learn(ReplayedDispatch outcome, object fact) =>
        fact switch
        {
            DispatchSucceeded sent when sent.DispatchId == outcome.DispatchId => outcome with
            {
                Outcome = "confirmed",
                Detail = sent.FbTraceId is null ? null : $"fbtrace_id {sent.FbTraceId}",
            },
            DispatchFailed failed when failed.DispatchId == outcome.DispatchId => outcome with
            {
                Outcome = "failed",
                Detail = failed.Error,
            },
            DispatchDeadLettered dead when dead.DispatchId == outcome.DispatchId => outcome with { Outcome = "dead", Detail = dead.Error },
            _ => outcome,
        };

    private static StreamId StreamOf(ReplayedRequest replayed) => new(replayed.TenantId, Streams.Conversion(replayed.Request.ConversionId));
}
