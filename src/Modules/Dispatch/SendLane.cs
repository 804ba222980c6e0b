using Microsoft.Extensions.Logging;
using TrackAi.Contracts;
using TrackAi.Dispatch.Lanes;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch;

/// <summary>
/// Sends what is ready for one pixel, a request at a time, and records a verdict for each event. What an answer says about the pixel as a whole
/// (pause, go slower, do not try) is told to all hosts first; then what was not sent goes back as if it had never been taken.
/// </summary>
internal sealed partial class SendLane(
    PostgresQueue queue,
    RecordAttempts record,
    MetaClient meta,
    ITenantDirectory tenants,
    HostLanes lanes,
    PixelStates states,
    Random random,
    DispatchOptions options,
    TimeProvider time,
    ILogger<SendLane> logger
)
{
    private readonly Backoff backoff = new(options.FirstRetry, options.LongestRetry);

    public async Task HandleAsync(Guid claim, Lane lane, IReadOnlyList<PreparedDispatch> ready)
    {
        var state = lanes[lane];
        for (var sent = 0; sent < ready.Count; )
        {
            PreparedDispatch[] part = [.. ready.Skip(sent).Take(state.NextBatch(lanes.IsProbed(state)))];
            if (!await SendAsync(claim, lane, state, part))
            {
                await queue.ReleaseAsync(claim, [.. ready.Skip(sent).Select(one => one.Claimed.DispatchId)], CancellationToken.None);
                return;
            }

            sent += part.Length;
        }
    }

    /// <summary>False when nothing more is to be sent to this pixel for now.</summary>
    private async Task<bool> SendAsync(Guid claim, Lane lane, LaneState state, IReadOnlyList<PreparedDispatch> part)
    {
        if (tenants.FindPixel(lane.TenantId, lane.PixelId) is not { } pixel)
        {
            await PauseAsync(lane, null, NoToken);
            return false;
        }

        var verdicts = await Bisection.SendAsync(
            part,
            (some, cancellationToken) => AskAsync(lane, state, pixel, some, cancellationToken),
            CancellationToken.None
        );
        var goOn = await HeedAsync(lane, state, pixel, verdicts);

        var now = time.GetUtcNow();
        var attempts = verdicts
            .Where(verdict => verdict.Answer is not MetaAnswer.NotAsked)
            .Select(verdict => Attempt.Judge(verdict.Event, verdict.Answer, now, backoff, random.NextDouble()))
            .ToArray();
        await record.HandleAsync(claim, attempts, [], CancellationToken.None);
        Report(lane, verdicts);
        return goOn;
    }

    private async Task<MetaAnswer> AskAsync(
        Lane lane,
        LaneState state,
        Pixel pixel,
        IReadOnlyList<PreparedDispatch> part,
        CancellationToken cancellationToken
    )
    {
        using var activity = DispatchMetrics.Activities.StartActivity("trackai.dispatch.send");
        activity?.SetTag("pixel", pixel.PixelId)?.SetTag("events", part.Count);
        if (!lanes.Circuits)
            return await SendAsync(cancellationToken);
        if (lanes.Meta.OpenUntil > time.GetUtcNow())
            return new MetaAnswer.NotAsked();

        var answer = await state.Circuit.AskAsync(async token => await SendAsync(token), cancellationToken);
        if (answer is not MetaAnswer.NotAsked)
            await lanes.CountForMetaAsync(state, answer);
        return answer;

        Task<MetaAnswer> SendAsync(CancellationToken token) => meta.SendAsync(pixel, [.. part.Select(dispatch => dispatch.Event)], token);
    }

    /// <summary>What the answers say about the pixel and about Meta, told to everybody.</summary>
    private async Task<bool> HeedAsync(Lane lane, LaneState state, Pixel pixel, IReadOnlyList<Verdict<PreparedDispatch>> verdicts)
    {
        var goOn = true;
        await TellAsync(lane, state.Circuit);
        await TellAsync(PixelStates.Meta, lanes.Meta);
        foreach (var group in verdicts.GroupBy(verdict => verdict.Answer))
        {
            state.Learn(group.Key, group.Count());
            if (Pace.After(group.Key, state.ThrottleStreak, backoff, random.NextDouble()) is { } pause)
            {
                await states.ThrottleAsync(lane, time.GetUtcNow() + pause, CancellationToken.None);
                goOn = false;
            }

            if (group.Key is MetaAnswer.Refused { Class: ErrorClass.Token or ErrorClass.Permission } refused)
            {
                await PauseAsync(lane, pixel, refused);
                goOn = false;
            }

            goOn &= group.Key is not MetaAnswer.NotAsked;
        }

        return goOn;
    }

    // A token that was replaced while the request was on its way is no reason.
    private async Task PauseAsync(Lane lane, Pixel? used, MetaAnswer.Refused refused)
    {
        if (tenants.FindPixel(lane.TenantId, lane.PixelId)?.AccessToken != used?.AccessToken)
            return;
        var reason = used is null ? "no_token" : refused.Class.Name();
        var paused = new PixelPaused(
            lane.PixelId,
            reason,
            used is null ? null : refused.HttpStatus,
            refused.Code,
            refused.Subcode,
            refused.Message,
            refused.FbTraceId,
            used is null ? null : PixelStates.Fingerprint(used.AccessToken),
            time.GetUtcNow()
        );
        if (await states.PauseAsync(lane, paused, CancellationToken.None))
            LogPaused(logger, lane.PixelId, lane.TenantId, reason, refused.Message);
    }

    private async Task TellAsync(Lane lane, Circuit circuit)
    {
        if (circuit.TakeChange() is not { } change)
            return;
        await states.CircuitAsync(lane, change, CancellationToken.None);
        var name = lane == PixelStates.Meta ? "Meta" : $"pixel {lane.PixelId} of tenant {lane.TenantId}";
        if (change.Until is not { } until)
            LogClosed(logger, name);
        else if (change.IsNew)
            LogOpened(logger, name, until, change.Error);
    }

    private void Report(Lane lane, IReadOnlyList<Verdict<PreparedDispatch>> verdicts)
    {
        foreach (var group in verdicts.Where(verdict => verdict.Answer is not MetaAnswer.NotAsked).GroupBy(verdict => verdict.Answer))
        {
            var outcome = group.Key is MetaAnswer.Accepted ? "sent" : Failure.Of(group.Key).Class.Name();
            DispatchMetrics.Events.Add(group.Count(), new("outcome", outcome), new("tenant", lane.TenantId));
            DispatchMetrics.Duration.Record(group.Key.Latency.TotalSeconds, new KeyValuePair<string, object?>("outcome", outcome));
            if (group.Key is not MetaAnswer.Accepted)
                LogNotSent(logger, group.Count(), lane.TenantId, lane.PixelId, outcome, Failure.Of(group.Key).Error);
        }
    }

    private static readonly MetaAnswer.Refused NoToken = new(
        ErrorClass.Token,
        0,
        null,
        null,
        "The pixel has no access token: run 'pixels set'.",
        null,
        null,
        TimeSpan.Zero
    );

    [LoggerMessage(2004, LogLevel.Warning, "{Count} events of tenant {Tenant} were not taken by pixel {Pixel} ({Outcome}): {Error}")]
    private static partial void LogNotSent(ILogger logger, int count, string tenant, string pixel, string outcome, string error);

    [LoggerMessage(
        2006,
        LogLevel.Error,
        "Pixel {Pixel} of tenant {Tenant} is paused ({Reason}): {Error} Its events wait. Set its token ('pixels set') or run 'pixels resume'."
    )]
    private static partial void LogPaused(ILogger logger, string pixel, string tenant, string reason, string error);

    [LoggerMessage(2007, LogLevel.Error, "The circuit of {Which} opened until {Until}: {Error} What is to be sent waits where it is.")]
    private static partial void LogOpened(ILogger logger, string which, DateTimeOffset until, string error);

    [LoggerMessage(2008, LogLevel.Information, "The circuit of {Which} closed: requests go out again.")]
    private static partial void LogClosed(ILogger logger, string which);
}
