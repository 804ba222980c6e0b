using Microsoft.Extensions.Logging;
using TrackAi.Contracts;
using TrackAi.Dispatch.Lanes;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Queue.Sqs;

/// <summary>
/// The outbox: hands what is due to SQS, the lanes in turn. The log has decided and the table remembers, so whatever happens to SQS or to this
/// host, each dispatch gets there; more than once does no harm.
/// </summary>
internal sealed partial class SqsRelay(
    PostgresQueue queue,
    SqsQueue sqs,
    HostLanes lanes,
    PostgresSignals signals,
    Ids ids,
    DispatchOptions options,
    SqsOptions sqsOptions,
    TimeProvider time,
    ILogger<SqsRelay> logger
)
{
    private static readonly TimeSpan AfterError = TimeSpan.FromSeconds(1);

    // Counting reads every dispatch that is at SQS: not for each sale anew.
    private static readonly TimeSpan CountAgain = TimeSpan.FromMilliseconds(100);

    // What comes meanwhile goes in one message: one for each sale would cost SQS, and its receivers, a call each.
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(20);

    private readonly SemaphoreSlim called = new(0, 1);
    private Dictionary<Lane, long> handedOver = [];
    private long? countedAt;
    private Lane last;

    public async Task RunAsync(CancellationToken stopping)
    {
        signals.Subscribe(PostgresQueue.Channel, _ => Call());
        while (true)
        {
            try
            {
                if (await HandOverAsync(stopping))
                    await Task.Delay(Gather, time, stopping);
                else
                    await called.WaitAsync(await PauseAsync(stopping), stopping);
            }
            catch (Exception exception) when (SqsTransport.IsTrouble(exception))
            {
                LogLater(logger, AfterError, exception);
                await Task.Delay(AfterError, time, stopping);
            }
        }
    }

    /// <summary>Hands over what is due and fits; false when there was nothing.</summary>
    public async Task<bool> HandOverAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var full = await ReadFullLanesAsync(cancellationToken);
        var take = new Take(
            ids.New(),
            now,
            now + options.ClaimTime,
            Math.Min(options.BatchSize, sqsOptions.MostPerPixel),
            options.BatchSize * 4,
            full,
            last,
            lanes.Circuits
        );
        var claimed = await queue.TakeAsync(take, cancellationToken);
        if (claimed.Count == 0)
            return false;

        last = claimed[^1].Lane;
        foreach (var lane in claimed.CountBy(one => one.Lane))
            handedOver[lane.Key] = handedOver.GetValueOrDefault(lane.Key) + lane.Value;
        var contents = claimed
            .GroupBy(one => one.Lane)
            .SelectMany(lane =>
                lane.Select(one => one.DispatchId)
                    .Chunk(sqsOptions.MostPerMessage)
                    .Select(dispatches => new SqsContent(lane.Key, dispatches))
            );
        foreach (var batch in contents.Chunk(SqsQueue.MostInBatch))
            await SendAsync(take.Claim, batch, cancellationToken);
        return true;
    }

    // Marked first: whoever receives the message must find its dispatches free. What SQS did not take is due here again; where this host dies in
    // between, after SqsOptions.HandOverAgain.
    private async Task SendAsync(Guid claim, IReadOnlyList<SqsContent> batch, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await queue.MarkHandedOverAsync(
            claim,
            [.. batch.SelectMany(content => content.Dispatches)],
            now,
            now + sqsOptions.HandOverAgain,
            cancellationToken
        );
        var refused = batch.SelectMany(content => content.Dispatches);
        try
        {
            var sent = await sqs.SendAsync(batch, cancellationToken);
            refused = batch.Zip(sent).Where(pair => !pair.Second).SelectMany(pair => pair.First.Dispatches);
        }
        finally
        {
            await queue.TakeBackAsync([.. refused], CancellationToken.None);
        }
    }

    private async Task<TimeSpan> PauseAsync(CancellationToken cancellationToken)
    {
        var full = await ReadFullLanesAsync(cancellationToken);
        var due = await queue.ReadNextDueAsync(full, lanes.Circuits, cancellationToken) - time.GetUtcNow();
        // What is full may have room by the next count, and nobody calls then.
        var longest = full.Count > 0 ? CountAgain : options.PollingTime;
        return due < TimeSpan.Zero ? TimeSpan.Zero
            : due < longest ? due.Value
            : longest;
    }

    /// <summary>Lanes that have as much at SQS as one may have.</summary>
    private async Task<IReadOnlyCollection<Lane>> ReadFullLanesAsync(CancellationToken cancellationToken)
    {
        if (countedAt is not { } at || time.GetElapsedTime(at) > CountAgain)
            (handedOver, countedAt) = (await queue.CountHandedOverAsync(cancellationToken), time.GetTimestamp());
        return [.. handedOver.Where(lane => lane.Value >= sqsOptions.MostPerPixel).Select(lane => lane.Key)];
    }

    public void Call()
    {
        lock (called)
            if (called.CurrentCount == 0)
                called.Release();
    }

    [LoggerMessage(
        2033,
        LogLevel.Warning,
        "What is due could not be handed to SQS; it waits in Postgres and is handed over in {Pause}. Check Sqs:ServiceUrl, Sqs:Region and the credentials."
    )]
    private static partial void LogLater(ILogger logger, TimeSpan pause, Exception exception);
}
