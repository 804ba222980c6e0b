using TrackAi.Contracts;
using TrackAi.Dispatch.DeadLetters;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Replay;

/// <summary>What becomes of a replayed request, by what the log says of its sale now. Pure.</summary>
internal static class ReplayPlan
{
    private const string Waiting = "waiting";
    private const string Discarded = "discarded";
    private const string Erased = "erased";
    private const string NoConsent = "no_consent";
    private const string NotPaid = "not_paid";
    private const string Unreadable = "unreadable";

    /// <param name="stream">The sale's.</param>
    /// <param name="letter">Its dead letter, where it is one.</param>
    public static ReplayedDispatch Of(
        ReplayedRequest replayed,
        IReadOnlyList<RecordedEvent> stream,
        DeadLetter? letter,
        ReplayConsent consent,
        DateTimeOffset now
    )
    {
        var request = replayed.Request;
        if (stream.Select(recorded => recorded.WhyUnreadable).FirstOrDefault(why => why is not null) is { } reason)
            return new ReplayedDispatch(
                replayed.TenantId,
                request.ConversionId,
                request.DispatchId,
                request.EventId,
                request.PixelId,
                Unreadable,
                $"What became of the sale cannot be read: {reason}",
                IsSent: false
            );
        var conversion = ConversionToDispatch.From(stream);
        if (conversion.Received?.EventId != request.EventId)
            throw new InvalidOperationException($"{request.ConversionId} was replayed under another event_id than its own.");
        var expectation = Expect(request, conversion, stream, letter, now);
        return new ReplayedDispatch(
            replayed.TenantId,
            request.ConversionId,
            request.DispatchId,
            request.EventId,
            request.PixelId,
            expectation,
            Explain(expectation, ConfirmedAt(stream, request.DispatchId), now),
            IsSent(expectation, ConfirmedAt(stream, request.DispatchId), consent, now)
        );
    }

    /// <summary>When Meta confirmed it last; null where it has not.</summary>
    public static DateTimeOffset? ConfirmedAt(IEnumerable<RecordedEvent> stream, string dispatchId) =>
        stream
            .Select(recorded => recorded.Data)
            .OfType<DispatchSucceeded>()
            .LastOrDefault(sent => sent.DispatchId == dispatchId)
            ?.AttemptedAt;

    private static string Expect(
        DispatchRequested request,
        ConversionToDispatch conversion,
        IEnumerable<RecordedEvent> stream,
        DeadLetter? letter,
        DateTimeOffset now
    ) =>
        conversion.IsErased ? Erased
        : conversion.Consent == false ? NoConsent
        : conversion.ExpiresAt <= now ? Expectation.TooOld
        : conversion.Succeeded.Contains(request.DispatchId) ? Expectation.AlreadySent
        : letter is not null ? letter.Expectation
        : conversion.Requested.ContainsKey(request.DispatchId)
            ? stream.Any(recorded => recorded.Data is DispatchDiscarded gone && gone.DispatchId == request.DispatchId) ? Discarded
                : Waiting
        : conversion.State != PaymentState.Approved ? NotPaid
        : Expectation.WillCount;

    private static bool IsSent(string expectation, DateTimeOffset? confirmedAt, ReplayConsent consent, DateTimeOffset now) =>
        expectation == Expectation.AlreadySent
            ? consent.Confirmed && (consent.Force || now - confirmedAt < Attempt.DeduplicationTime)
            : Expectation.IsRedriven(expectation, consent.Force);

    private static string Explain(string expectation, DateTimeOffset? confirmedAt, DateTimeOffset now) =>
        expectation switch
        {
            Waiting => "It is on its way already: the hosts send it.",
            Discarded => "It was put away by command, for good.",
            Erased => "The buyer was erased: nothing is told of them any more.",
            NoConsent => "The buyer has not agreed to be reported.",
            NotPaid => "It is not paid, or was given back in the meantime.",
            Expectation.AlreadySent when now - confirmedAt < Attempt.DeduplicationTime =>
                "Meta has confirmed it less than 48 hours ago and would keep the first: sent again only with --confirmed.",
            Expectation.AlreadySent =>
                "Meta has confirmed it more than 48 hours ago and would count it again: sent only with --confirmed and --force.",
            _ => Expectation.Explain(expectation),
        };
}
