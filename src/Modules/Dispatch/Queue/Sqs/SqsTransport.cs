using System.Collections.Concurrent;
using Amazon.Runtime;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dispatch.Lanes;

namespace TrackAi.Dispatch.Queue.Sqs;

/// <summary>
/// By way of SQS: the relay hands dispatches over, and here they are received, claimed in the table and, when they have ended or are parked in the
/// table again, deleted. A receive is never spent on waiting: while Meta as a whole is left alone nothing is received, and what is received for a
/// pixel that is paused, throttled or broken is parked. So the dead-letter queue gets only what no host survived.
/// </summary>
internal sealed partial class SqsTransport(
    PostgresQueue queue,
    SqsQueue sqs,
    SqsRelay relay,
    RecordAttempts record,
    HostLanes lanes,
    Ids ids,
    DispatchOptions options,
    SqsOptions sqsOptions,
    TimeProvider time,
    ILogger<SqsTransport> logger
) : IDispatchTransport
{
    public const string Undelivered = "undelivered";

    /// <summary>Messages held for lanes that are busy.</summary>
    private const int MostBuffered = 200;

    private static readonly TimeSpan AfterError = TimeSpan.FromSeconds(1);

    /// <summary>Between looks at dead letters of which some are none of ours.</summary>
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, SqsMessage> buffered = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, Working> working = [];

    public static bool IsTrouble(Exception exception) =>
        exception
            is NpgsqlException
                or IOException
                or TimeoutException
                or AmazonClientException
                or AmazonServiceException
                or HttpRequestException;

    public Task StartAsync(Action call, CancellationToken stopping)
    {
        _ = Task.Run(() => relay.RunAsync(stopping), CancellationToken.None);
        _ = Task.Run(() => ForeverAsync(cancellation => ReceiveAsync(call, cancellation), stopping), CancellationToken.None);
        _ = Task.Run(() => KeepUpAsync(stopping), CancellationToken.None);
        _ = Task.Run(() => ForeverAsync(BuryAsync, stopping), CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyList<ClaimedDispatch>> TakeAsync(Take take, CancellationToken cancellationToken)
    {
        var taken = new List<ClaimedDispatch>();
        foreach (var lane in buffered.Values.GroupBy(message => message.Content!.Lane))
            if (taken.Count < take.Most && !take.Busy.Contains(lane.Key) && Unbuffer(lane, take.PerLane) is { Count: > 0 } messages)
                taken.AddRange(await ClaimAsync(take, lane.Key, messages, cancellationToken));
        return taken;
    }

    private List<SqsMessage> Unbuffer(IEnumerable<SqsMessage> lane, int most)
    {
        var (messages, dispatches) = (new List<SqsMessage>(), 0);
        foreach (var message in lane)
            if (dispatches < most && buffered.TryRemove(message.Id, out _))
            {
                messages.Add(message);
                dispatches += message.Content!.Dispatches.Count;
            }

        return messages;
    }

    public Task<DateTimeOffset?> ReadNextDueAsync(IReadOnlyCollection<Lane> busy, bool circuits, CancellationToken cancellationToken) =>
        Task.FromResult<DateTimeOffset?>(null);

    public async Task ExtendAsync(
        Guid claim,
        IReadOnlyCollection<string> dispatches,
        DateTimeOffset until,
        CancellationToken cancellationToken
    )
    {
        await queue.ExtendAsync(claim, dispatches, until, cancellationToken);
        if (working.TryGetValue(claim, out var work))
            await TryAsync(() => sqs.HideAsync(work.Messages, sqsOptions.Visibility, cancellationToken));
    }

    public async Task FinishAsync(Guid claim, IReadOnlyCollection<string> dispatches, CancellationToken cancellationToken)
    {
        relay.Call();
        if (!working.TryGetValue(claim, out var work))
            return;
        var done = work.Finish(dispatches);
        if (work.IsEmpty)
            working.TryRemove(claim, out _);
        if (done.Length > 0)
            await TryAsync(() => sqs.DeleteAsync(done, cancellationToken));
    }

    /// <summary>
    /// Claims what messages of a lane name. What has ended is done with; what waits for a closed lane is parked; what another host holds is left to
    /// it, and comes again if that one dies.
    /// </summary>
    private async Task<IReadOnlyList<ClaimedDispatch>> ClaimAsync(
        Take take,
        Lane lane,
        IReadOnlyList<SqsMessage> messages,
        CancellationToken cancellationToken
    )
    {
        var (claimed, left) = await queue.ClaimAsync(
            take,
            lane,
            [.. messages.SelectMany(message => message.Content!.Dispatches)],
            cancellationToken
        );
        var ours = claimed.Select(one => one.DispatchId).ToHashSet(StringComparer.Ordinal);
        foreach (var message in messages.Where(message => message.Content!.Dispatches.Any(ours.Contains)))
            working.GetOrAdd(take.Claim, _ => new Working()).Add(message, message.Content!.Dispatches.Where(ours.Contains));
        // Whose the others are, where one is another host's, is not told apart: all of them come again.
        if (left == 0)
            await TryAsync(() =>
                sqs.DeleteAsync([.. messages.Where(message => !message.Content!.Dispatches.Any(ours.Contains))], cancellationToken)
            );
        return claimed;
    }

    private async Task ReceiveAsync(Action call, CancellationToken stopping)
    {
        if (buffered.Count >= MostBuffered || (lanes.Circuits && lanes.Meta.OpenUntil > time.GetUtcNow()))
        {
            await Task.Delay(AfterError / 4, time, stopping);
            return;
        }

        foreach (var message in await sqs.ReceiveAsync(sqsOptions.Wait, stopping))
            if (message.Content is null)
                LogNotOurs(logger, message.Id);
            else
                buffered[message.Id] = message;
        if (!buffered.IsEmpty)
            call();
    }

    // What was received and not begun is somebody else's at once when this host stops.
    private async Task KeepUpAsync(CancellationToken stopping)
    {
        await ForeverAsync(KeepBufferedAsync, stopping);
        await TryAsync(() => sqs.HideAsync([.. buffered.Values], TimeSpan.Zero, CancellationToken.None));
    }

    private async Task KeepBufferedAsync(CancellationToken stopping)
    {
        await Task.Delay(sqsOptions.Visibility / 3, time, stopping);
        // What failed to be recorded is no longer kept up, and comes again.
        foreach (var (claim, _) in working.Where(work => work.Value.IsOlderThan(time.GetUtcNow() - TimeSpan.FromHours(1), time)))
            working.TryRemove(claim, out _);
        if (!buffered.IsEmpty)
            await sqs.HideAsync([.. buffered.Values], sqsOptions.Visibility, stopping);
    }

    /// <summary>
    /// What SQS gave up becomes a dead letter of ours, where people look; then SQS need not keep it. What is none of ours is given back as soon as
    /// nothing else is there, to be found by whoever looks into the queue.
    /// </summary>
    private async Task BuryAsync(CancellationToken stopping)
    {
        var foreign = new Dictionary<string, SqsMessage>(StringComparer.Ordinal);
        var isNews = true;
        while (isNews)
        {
            isNews = false;
            foreach (var message in await sqs.ReceiveDeadLettersAsync(foreign.Count == 0 ? sqsOptions.Wait : TimeSpan.Zero, stopping))
                isNews |= message.Content is { } content
                    ? await BuryAsync(message, content, stopping)
                    : foreign.TryAdd(message.Id, message);
        }

        if (foreign.Count == 0)
            return;
        await sqs.HideAsync([.. foreign.Values], TimeSpan.Zero, stopping, deadLetters: true);
        await Task.Delay(sqsOptions.Visibility < LongestRest ? sqsOptions.Visibility : LongestRest, time, stopping);
    }

    /// <returns>Whether SQS need not keep it: not while another host works on a part of it.</returns>
    private async Task<bool> BuryAsync(SqsMessage message, SqsContent content, CancellationToken stopping)
    {
        var now = time.GetUtcNow();
        var claim = ids.New();
        var (claimed, left) = await queue.ClaimAsync(
            new Take(claim, now, now + options.ClaimTime, content.Dispatches.Count, content.Dispatches.Count, [], default, false),
            content.Lane,
            content.Dispatches,
            stopping
        );
        var failure = Failure.WithoutAsking(
            $"SQS gave the message up after {sqsOptions.MaxReceiveCount} receives: no host finished it. The host's log says why."
        );
        await record.HandleAsync(
            claim,
            [.. claimed.Select(one => Attempt.Dead(one, one.ConversionId.Split('-')[0], Undelivered, failure, now, one.UnknownSince))],
            [],
            CancellationToken.None
        );
        if (left > 0)
            return false;
        await sqs.DeleteAsync([message], CancellationToken.None, deadLetters: true);
        return true;
    }

    private async Task ForeverAsync(Func<CancellationToken, Task> act, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await act(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                LogUnavailable(logger, AfterError, exception);
                await Task.Delay(AfterError, time, stopping)
                    .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
    }

    // What cannot be told to SQS now comes again, and does no harm then.
    private async Task TryAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception exception) when (IsTrouble(exception))
        {
            LogUnavailable(logger, AfterError, exception);
        }
    }

    /// <summary>The messages of a claim, each with what is left of it.</summary>
    private sealed class Working
    {
        private readonly Lock gate = new();
        private readonly List<(SqsMessage Message, HashSet<string> Left)> messages = [];
        private DateTimeOffset? since;

        public IReadOnlyCollection<SqsMessage> Messages
        {
            get
            {
                lock (gate)
                    return [.. messages.Select(one => one.Message)];
            }
        }

        public bool IsEmpty
        {
            get
            {
                lock (gate)
                    return messages.Count == 0;
            }
        }

        public void Add(SqsMessage message, IEnumerable<string> dispatches)
        {
            lock (gate)
                messages.Add((message, dispatches.ToHashSet(StringComparer.Ordinal)));
        }

        /// <summary>The messages of which nothing is left.</summary>
        public SqsMessage[] Finish(IReadOnlyCollection<string> dispatches)
        {
            lock (gate)
            {
                foreach (var (_, left) in messages)
                    left.ExceptWith(dispatches);
                SqsMessage[] done = [.. messages.Where(one => one.Left.Count == 0).Select(one => one.Message)];
                messages.RemoveAll(one => one.Left.Count == 0);
                return done;
            }
        }

        public bool IsOlderThan(DateTimeOffset moment, TimeProvider clock)
        {
            lock (gate)
                return (since ??= clock.GetUtcNow()) < moment;
        }
    }

    [LoggerMessage(
        2034,
        LogLevel.Warning,
        "SQS or Postgres cannot be used; trying again in {Pause}. Nothing is lost: what is to be sent is in Postgres."
    )]
    private static partial void LogUnavailable(ILogger logger, TimeSpan pause, Exception exception);

    [LoggerMessage(2035, LogLevel.Error, "Message {Message} of the queue is none of ours; SQS puts it into the dead-letter queue.")]
    private static partial void LogNotOurs(ILogger logger, string message);
}
