using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch;

/// <summary>A dispatch ready to be sent: its place in the queue and the event for Meta.</summary>
internal sealed record PreparedDispatch(ClaimedDispatch Claimed, string Gateway, CapiEvent Event);

/// <summary>What an attempt leads to: the fact for the log and what becomes of the queue's row. Pure.</summary>
internal abstract record Attempt(ClaimedDispatch Claimed, object Fact)
{
    /// <summary>Meta's de-duplication looks back this far (https://developers.facebook.com/docs/marketing-api/conversions-api/deduplicate-pixel-and-server-events).</summary>
    public static readonly TimeSpan DeduplicationTime = TimeSpan.FromHours(48);

    public const string UnknownOutcome = "unknown_outcome";

    // Less than this is no wait worth cutting shorter.
    private static readonly TimeSpan ShortestQuarter = TimeSpan.FromSeconds(10);

    public sealed record Confirmed(ClaimedDispatch Claimed, object Fact) : Attempt(Claimed, Fact);

    public sealed record Postponed(ClaimedDispatch Claimed, object Fact, DateTimeOffset DueAt, DateTimeOffset? UnknownSince)
        : Attempt(Claimed, Fact);

    public sealed record GivenUp(ClaimedDispatch Claimed, object Fact, string Reason, string Error, DateTimeOffset? UnknownSince)
        : Attempt(Claimed, Fact);

    /// <param name="sample">A random number for the jitter, at least 0 and less than 1.</param>
    public static Attempt Judge(PreparedDispatch dispatch, MetaAnswer answer, DateTimeOffset now, Backoff backoff, double sample) =>
        answer switch
        {
            MetaAnswer.Accepted accepted => new Confirmed(
                dispatch.Claimed,
                new DispatchSucceeded(
                    dispatch.Claimed.ConversionId,
                    dispatch.Gateway,
                    dispatch.Claimed.DispatchId,
                    dispatch.Claimed.PixelId,
                    dispatch.Claimed.Attempt + 1,
                    accepted.HttpStatus,
                    accepted.FbTraceId,
                    accepted.Latency.TotalMilliseconds,
                    accepted.Messages,
                    now
                )
                {
                    Quality = QualityEstimate.Of(dispatch.Event.UserData),
                }
            ),
            MetaAnswer.Refused { Class: ErrorClass.Permanent } refused => Dead(
                dispatch.Claimed,
                dispatch.Gateway,
                "permanent",
                Failure.Of(answer),
                now
            ),
            _ => Again(dispatch, answer, now, backoff, sample),
        };

    /// <summary>Until when there is sense in sending it again, and the reason to give it up after that.</summary>
    private static (DateTimeOffset End, string Reason) End(PreparedDispatch dispatch, DateTimeOffset? unknownSince)
    {
        var tooOld = dispatch.Event.Sale.OccurredAt + CapiPayload.LongestAge;
        return unknownSince + DeduplicationTime is { } couldCountTwice && couldCountTwice < tooOld
            ? (couldCountTwice, UnknownOutcome)
            : (tooOld, EventValidation.TooOld);
    }

    /// <summary>The time left is a budget: never more than a quarter of it is spent on waiting for one more attempt, and the last one comes before the end.</summary>
    private static DateTimeOffset RetryAt(DateTimeOffset now, DateTimeOffset end, TimeSpan delay)
    {
        var quarter = (end - now) / 4;
        return now + (delay > quarter && quarter > ShortestQuarter ? quarter : delay);
    }

    /// <summary>Given up: without asking Meta, or after it.</summary>
    public static GivenUp Dead(
        ClaimedDispatch claimed,
        string gateway,
        string reason,
        Failure failure,
        DateTimeOffset now,
        DateTimeOffset? unknownSince = null
    ) =>
        new(
            claimed,
            new DispatchDeadLettered(
                claimed.ConversionId,
                gateway,
                claimed.DispatchId,
                claimed.PixelId,
                claimed.Attempt + 1,
                failure.HttpStatus,
                reason,
                failure.Code,
                failure.Subcode,
                failure.Error,
                failure.FbTraceId,
                failure.Latency.TotalMilliseconds,
                now
            ),
            reason,
            failure.Error,
            unknownSince
        );

    private static Attempt Again(PreparedDispatch dispatch, MetaAnswer answer, DateTimeOffset now, Backoff backoff, double sample)
    {
        var (claimed, failure) = (dispatch.Claimed, Failure.Of(answer));
        // Without an answer, or with half a one, Meta may have taken the event: after its de-duplication ended, sending again could count twice.
        var unknownSince = claimed.UnknownSince ?? (failure.MayHaveArrived ? now : null);
        var (end, reason) = End(dispatch, unknownSince);
        // A paused pixel keeps its queue: what waits is due as soon as it is resumed.
        var retryAt = failure.PausesPixel ? now : RetryAt(now, end, backoff.Delay(claimed.Attempt + 1, sample, failure.RetryAfter));
        if (retryAt >= end)
            return Dead(claimed, dispatch.Gateway, reason, failure, now, unknownSince);

        return new Postponed(
            dispatch.Claimed,
            new DispatchFailed(
                dispatch.Claimed.ConversionId,
                dispatch.Gateway,
                dispatch.Claimed.DispatchId,
                dispatch.Claimed.PixelId,
                dispatch.Claimed.Attempt + 1,
                failure.HttpStatus,
                failure.Class.Name(),
                failure.Code,
                failure.Subcode,
                failure.Error,
                failure.FbTraceId,
                failure.Latency.TotalMilliseconds,
                retryAt,
                now
            ),
            retryAt,
            unknownSince
        );
    }
}

/// <summary>Why an attempt did not confirm its event.</summary>
internal sealed record Failure(
    ErrorClass Class,
    int? HttpStatus,
    int? Code,
    int? Subcode,
    string Error,
    string? FbTraceId,
    TimeSpan? RetryAfter,
    TimeSpan Latency
)
{
    /// <summary>Whether nothing at all can be sent until somebody has done something.</summary>
    public bool PausesPixel => Class is ErrorClass.Token or ErrorClass.Permission;

    /// <summary>Whether Meta may have taken the event all the same.</summary>
    public bool MayHaveArrived => Class is ErrorClass.NoAnswer || (Class is ErrorClass.Transient && Code is null);

    public static Failure Of(MetaAnswer answer) =>
        answer switch
        {
            MetaAnswer.Refused refused => new(
                refused.Class,
                refused.HttpStatus,
                refused.Code,
                refused.Subcode,
                refused.Message,
                refused.FbTraceId,
                refused.RetryAfter,
                refused.Latency
            ),
            MetaAnswer.NoAnswer none => new(ErrorClass.NoAnswer, null, null, null, none.Error, null, null, none.Latency),
            _ => throw new ArgumentException("Only a failure has a reason.", nameof(answer)),
        };

    public static Failure WithoutAsking(string error) => new(ErrorClass.Permanent, null, null, null, error, null, null, TimeSpan.Zero);
}
