using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>
/// Takes what is due off the queue, sends it to Meta by pixel, several requests at a time, and records a verdict for each event. What it holds
/// when it is stopped is finished first; what it holds when it is killed comes back by itself, under the same event_id.
/// </summary>
internal sealed partial class DispatchWorker(
    PostgresQueue queue,
    PrepareDispatches prepare,
    RecordAttempts record,
    MetaClient meta,
    ITenantDirectory tenants,
    PostgresSignals signals,
    Ids ids,
    Random random,
    DispatchOptions options,
    TimeProvider time,
    ILogger<DispatchWorker> logger
) : BackgroundService
{
    private static readonly TimeSpan AfterError = TimeSpan.FromMilliseconds(500);

    private readonly Backoff backoff = new(options.FirstRetry, options.LongestRetry);
    private readonly SemaphoreSlim called = new(0, 1);
    private readonly SemaphoreSlim slots = new(options.MaxInFlight, options.MaxInFlight);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        signals.Subscribe(PostgresQueue.Channel, _ => Call());
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunWorker)
            return;
        try
        {
            while (true)
            {
                await slots.WaitAsync(stoppingToken);
                var taken = await TakeAsync(stoppingToken);
                if (!taken)
                    await called.WaitAsync(await PauseAsync(stoppingToken), stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopping(logger, options.MaxInFlight - slots.CurrentCount);
        }

        await FinishAsync();
    }

    /// <summary>Claims a batch and lets it go on its way; gives the slot back when there is nothing.</summary>
    private async Task<bool> TakeAsync(CancellationToken stoppingToken)
    {
        var handedOver = false;
        try
        {
            var claim = ids.New();
            var now = time.GetUtcNow();
            var claimed = await queue.ClaimAsync(claim, options.BatchSize, now, now + options.ClaimTime, stoppingToken);
            if (claimed.Count == 0)
                return false;
            // Not cancelled by the stop: what was sent must be recorded.
            _ = Task.Run(() => DispatchAsync(claim, claimed), CancellationToken.None);
            return handedOver = true;
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            LogQueueUnavailable(logger, exception);
            await Task.Delay(AfterError, time, stoppingToken);
            return true;
        }
        finally
        {
            if (!handedOver)
                slots.Release();
        }
    }

    private async Task DispatchAsync(Guid claim, IReadOnlyList<ClaimedDispatch> claimed)
    {
        try
        {
            var preparation = await PrepareAsync(claimed);
            await record.HandleAsync(claim, preparation.Ended, preparation.AlreadyConfirmed, CancellationToken.None);
            var pixels = preparation.ToSend.GroupBy(dispatch => (dispatch.Claimed.TenantId, dispatch.Claimed.PixelId));
            await Task.WhenAll(pixels.Select(pixel => SendAsync(claim, pixel.Key.TenantId, pixel.Key.PixelId, [.. pixel])));
        }
        catch (Exception exception)
        {
            // The claim ends by itself, and the dispatches are tried again under the same ids.
            LogBatchFailed(logger, claimed.Count, options.ClaimTime, exception);
        }
        finally
        {
            slots.Release();
        }
    }

    // What cannot be read is given up for itself alone: its neighbours must not come back with it for ever.
    private async Task<Preparation> PrepareAsync(IReadOnlyList<ClaimedDispatch> claimed)
    {
        try
        {
            return await prepare.HandleAsync(claimed, CancellationToken.None);
        }
        catch (Exception exception) when (exception is not (NpgsqlException or IOException or TimeoutException))
        {
            if (claimed is [var lone])
                return new Preparation([], [Unreadable(lone, exception)], []);
            var half = claimed.Count / 2;
            var first = await PrepareAsync([.. claimed.Take(half)]);
            var second = await PrepareAsync([.. claimed.Skip(half)]);
            return new Preparation(
                [.. first.ToSend, .. second.ToSend],
                [.. first.Ended, .. second.Ended],
                [.. first.AlreadyConfirmed, .. second.AlreadyConfirmed]
            );
        }
    }

    private Attempt.GivenUp Unreadable(ClaimedDispatch claimed, Exception exception)
    {
        LogUnreadable(logger, claimed.DispatchId, claimed.TenantId, exception);
        // A conversion's id starts with its gateway; nothing else of it may be readable.
        var gateway = claimed.ConversionId.Split('-')[0];
        var failure = Failure.WithoutAsking($"The sale cannot be read ({exception.GetType().Name}); the log says more.");
        return Attempt.Dead(claimed, gateway, "unreadable", failure, time.GetUtcNow());
    }

    private async Task SendAsync(Guid claim, string tenant, string pixelId, IReadOnlyList<PreparedDispatch> dispatches)
    {
        var verdicts = tenants.FindPixel(tenant, pixelId) is { } pixel
            ? await Bisection.SendAsync(
                dispatches,
                (part, cancellationToken) => AskAsync(claim, pixel, part, cancellationToken),
                CancellationToken.None
            )
            : [.. dispatches.Select(dispatch => new Verdict<PreparedDispatch>(dispatch, NoToken))];

        var now = time.GetUtcNow();
        var attempts = verdicts
            .Select(verdict => Attempt.Judge(verdict.Event, verdict.Answer, now, backoff, random.NextDouble()))
            .ToArray();
        await record.HandleAsync(claim, attempts, [], CancellationToken.None);
        // The loop rests until what was due next when it last looked, which is the end of this claim.
        if (attempts.Any(attempt => attempt is Attempt.Postponed))
            Call();
        Report(tenant, pixelId, verdicts);
    }

    private async Task<MetaAnswer> AskAsync(
        Guid claim,
        Pixel pixel,
        IReadOnlyList<PreparedDispatch> part,
        CancellationToken cancellationToken
    )
    {
        await queue.ExtendAsync(claim, time.GetUtcNow() + options.ClaimTime, cancellationToken);
        using var activity = DispatchMetrics.Activities.StartActivity("trackai.dispatch.send");
        activity?.SetTag("pixel", pixel.PixelId)?.SetTag("events", part.Count);
        return await meta.SendAsync(pixel, [.. part.Select(dispatch => dispatch.Event)], cancellationToken);
    }

    private void Report(string tenant, string pixel, IReadOnlyList<Verdict<PreparedDispatch>> verdicts)
    {
        foreach (var group in verdicts.GroupBy(verdict => verdict.Answer))
        {
            var outcome = group.Key is MetaAnswer.Accepted ? "sent" : Failure.Of(group.Key).Class.Name();
            DispatchMetrics.Events.Add(group.Count(), new("outcome", outcome), new("tenant", tenant));
            DispatchMetrics.Duration.Record(group.Key.Latency.TotalSeconds, new KeyValuePair<string, object?>("outcome", outcome));
            if (group.Key is not MetaAnswer.Accepted)
                LogNotSent(logger, group.Count(), tenant, pixel, outcome, Failure.Of(group.Key).Error);
        }
    }

    private async Task<TimeSpan> PauseAsync(CancellationToken stoppingToken)
    {
        var due = await NextDueAsync(stoppingToken) - time.GetUtcNow();
        return due < TimeSpan.Zero ? TimeSpan.Zero
            : due < options.PollingTime ? due.Value
            : options.PollingTime;
    }

    private async Task<DateTimeOffset?> NextDueAsync(CancellationToken stoppingToken)
    {
        try
        {
            return await queue.ReadNextDueAsync(stoppingToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            LogQueueUnavailable(logger, exception);
            return null;
        }
    }

    // Every slot back means every batch recorded.
    private async Task FinishAsync()
    {
        for (var slot = 0; slot < options.MaxInFlight; slot++)
            await slots.WaitAsync(CancellationToken.None);
    }

    private void Call()
    {
        lock (called)
            if (called.CurrentCount == 0)
                called.Release();
    }

    private static readonly MetaAnswer NoToken = new MetaAnswer.Refused(
        ErrorClass.Token,
        0,
        null,
        null,
        "The pixel has no access token: run 'pixels set'.",
        null,
        null,
        TimeSpan.Zero
    );

    [LoggerMessage(2001, LogLevel.Information, "Finishing {Batches} batches on their way to Meta.")]
    private static partial void LogStopping(ILogger logger, int batches);

    [LoggerMessage(2002, LogLevel.Warning, "The dispatch queue cannot be read; trying again. Check that Postgres is up.")]
    private static partial void LogQueueUnavailable(ILogger logger, Exception exception);

    [LoggerMessage(
        2003,
        LogLevel.Error,
        "A batch of {Count} dispatches could not be prepared or recorded; it is tried again under the same ids in {ClaimTime}."
    )]
    private static partial void LogBatchFailed(ILogger logger, int count, TimeSpan claimTime, Exception exception);

    [LoggerMessage(2004, LogLevel.Warning, "{Count} events of tenant {Tenant} were not taken by pixel {Pixel} ({Outcome}): {Error}")]
    private static partial void LogNotSent(ILogger logger, int count, string tenant, string pixel, string outcome, string error);

    [LoggerMessage(
        2005,
        LogLevel.Error,
        "Dispatch {DispatchId} of tenant {Tenant} cannot be read and is a dead letter; the others of its batch go on."
    )]
    private static partial void LogUnreadable(ILogger logger, string dispatchId, string tenant, Exception exception);
}
