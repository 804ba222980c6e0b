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

    public sealed record Confirmed(ClaimedDispatch Claimed, object Fact) : Attempt(Claimed, Fact);

    public sealed record Postponed(ClaimedDispatch Claimed, object Fact, DateTimeOffset DueAt, DateTimeOffset? UnknownSince) : Attempt(Claimed, Fact);

    public sealed record GivenUp(ClaimedDispatch Claimed, object Fact, string Reason, string Error) : Attempt(Claimed, Fact);

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
            ),
            MetaAnswer.Refused { Class: ErrorClass.Permanent } refused => Dead(dispatch.Claimed, dispatch.Gateway, "permanent", Failure.Of(answer), now),
            _ => Again(dispatch, answer, now, backoff, sample),
        };

    /// <summary>Given up without asking Meta.</summary>
    public static GivenUp Dead(ClaimedDispatch claimed, string gateway, string reason, Failure failure, DateTimeOffset now) =>
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
            failure.Error
        );

    private static Attempt Again(PreparedDispatch dispatch, MetaAnswer answer, DateTimeOffset now, Backoff backoff, double sample)
    {
        var failure = Failure.Of(answer);
        var retryAt = now + backoff.Delay(dispatch.Claimed.Attempt + 1, sample, failure.RetryAfter);
        // Without an answer, or with half a one, Meta may have taken the event: after its de-duplication ended, sending again could count twice.
        var unknownSince = dispatch.Claimed.UnknownSince ?? (failure.MayHaveArrived ? now : null);
        if (unknownSince + DeduplicationTime < retryAt)
            return Dead(dispatch.Claimed, dispatch.Gateway, "unknown_outcome", failure, now);
        if (retryAt - dispatch.Event.Sale.OccurredAt > CapiPayload.LongestAge)
            return Dead(dispatch.Claimed, dispatch.Gateway, EventValidation.TooOld, failure, now);

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
            _ => throw new ArgumentException("An accepted batch is no failure.", nameof(answer)),
        };

    public static Failure WithoutAsking(string error) => new(ErrorClass.Permanent, null, null, null, error, null, null, TimeSpan.Zero);
}
