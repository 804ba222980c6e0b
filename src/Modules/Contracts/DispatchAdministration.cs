namespace TrackAi.Contracts;

/// <summary>How a pixel does.</summary>
/// <param name="State"><c>ok</c>, <c>paused</c>, <c>throttled</c> or <c>circuit_open</c>.</param>
/// <param name="Reason">Of a pause: <c>token</c>, <c>permission</c>, <c>no_token</c>.</param>
/// <param name="Until">When it is tried again; null where somebody has to do something first.</param>
/// <param name="NextExpiry">When the first of those that wait is too old for Meta.</param>
/// <param name="TokenAlert"><c>invalid</c> or <c>expires_soon</c>.</param>
public sealed record PixelCondition(
    string TenantId,
    string PixelId,
    string State,
    string? Reason,
    DateTimeOffset? Since,
    DateTimeOffset? Until,
    string? Error,
    long Waiting,
    DateTimeOffset? NextExpiry,
    string? TokenAlert,
    DateTimeOffset? TokenExpiresAt,
    DateTimeOffset? TokenCheckedAt
);

/// <summary>What Meta said when it was asked about a pixel's token just now.</summary>
/// <param name="Token"><c>valid</c>, <c>invalid</c>, <c>expires_soon</c>, <c>unknown</c> (Meta did not say) or <c>no_token</c>.</param>
/// <param name="ExpiresAt">Null where it does not expire, or Meta did not say.</param>
/// <param name="TestEvent">What came of a test event, which shows that the token may write to the pixel: <c>accepted</c>, or the class of the error
/// (<c>token</c>, <c>permission</c>, <c>permanent</c>, <c>throttled</c>, <c>transient</c>, <c>no_answer</c>). Null where none was sent, because the
/// pixel has no test event code: without one Meta would count it.</param>
/// <param name="Said">Meta's own words about the test event; never a token.</param>
public sealed record TokenCheck(string Token, DateTimeOffset? ExpiresAt, string? TestEvent, string? Said);

/// <summary>Looks at pixels and lets paused ones go on. Implemented by Dispatch.</summary>
public interface IPixelControl
{
    /// <summary>Pixels that something waits for or that anything is known of; Meta as a whole has neither tenant nor pixel.</summary>
    Task<IReadOnlyList<PixelCondition>> ListAsync(string? tenant, CancellationToken cancellationToken);

    /// <summary>Whether it was paused.</summary>
    Task<bool> ResumeAsync(string tenant, string pixelId, CancellationToken cancellationToken);

    /// <summary>Asks Meta now, and keeps what it says as the regular look at tokens does.</summary>
    Task<TokenCheck> CheckTokenAsync(string tenant, string pixelId, CancellationToken cancellationToken);
}

/// <summary>What would be sent of one conversion to one pixel.</summary>
/// <param name="Problems">Why it would not be sent; empty where it would.</param>
/// <param name="Dropped">Fields that are known and not fit to be sent; never their values.</param>
/// <param name="Request">The exact body, but for the access token and what is made of it.</param>
public sealed record DispatchPreview(
    string PixelId,
    string Url,
    IReadOnlyList<string> Problems,
    IReadOnlyList<string> Dropped,
    System.Text.Json.JsonElement Request
)
{
    /// <summary>How well Meta could tell whose event it is.</summary>
    public required MatchQuality Quality { get; init; }
}

/// <summary>Builds what Meta would be sent, and sends nothing. Implemented by Dispatch.</summary>
public interface IDispatchPreview
{
    /// <summary>One for each pixel; empty when there is no such conversion.</summary>
    Task<IReadOnlyList<DispatchPreview>> PreviewAsync(string tenant, string conversionId, CancellationToken cancellationToken);
}

/// <summary>A dispatch that was given up.</summary>
/// <param name="Expectation">What sending it again would come to, see <see cref="IDeadLetters"/>.</param>
/// <param name="Remedy">What that means, in a sentence.</param>
public sealed record DeadLetter(
    string DispatchId,
    string TenantId,
    string ConversionId,
    string PixelId,
    int Attempts,
    string Reason,
    string Error,
    DateTimeOffset RequestedAt,
    DateTimeOffset DeadAt,
    DateTimeOffset ExpiresAt,
    string Expectation,
    string Remedy
);

/// <summary>Which dead letters are meant. Nothing given means all.</summary>
public sealed record DeadLetterFilter(
    string? Tenant = null,
    string? Reason = null,
    string? PixelId = null,
    IReadOnlyCollection<string>? DispatchIds = null,
    int Limit = 1000
);

/// <summary>What a redrive did.</summary>
/// <param name="Redriven">Put back into the queue.</param>
/// <param name="Left">Left where they were, because sending them is not safe or of no use.</param>
public sealed record Redrive(Guid RedriveId, string? TraceId, IReadOnlyList<DeadLetter> Redriven, IReadOnlyList<DeadLetter> Left);

/// <summary>A request that a replayed decision comes to.</summary>
public sealed record ReplayedRequest(string TenantId, DispatchRequested Request);

/// <summary>What a replay may send again beside what cannot count twice.</summary>
/// <param name="Confirmed">Also what Meta has confirmed already.</param>
/// <param name="Force">Also what Meta may count twice.</param>
public sealed record ReplayConsent(bool Confirmed = false, bool Force = false);

/// <summary>A replayed request, what sending it would come to, and what came of it.</summary>
/// <param name="EventId">The one it always had, and goes out under.</param>
/// <param name="Expectation">As of a <see cref="DeadLetter"/>, or why it is not sent: <c>waiting</c>, <c>discarded</c>, <c>erased</c>,
/// <c>no_consent</c>, <c>not_paid</c>, <c>unreadable</c>.</param>
/// <param name="Remedy">What that means, in a sentence.</param>
/// <param name="IsSent">Whether it is one of those to send.</param>
/// <param name="Outcome">Once sent: <c>confirmed</c>, <c>failed</c> (tried again by the hosts), <c>dead</c> or <c>waiting</c>; null before.</param>
/// <param name="Detail">What Meta said.</param>
public sealed record ReplayedDispatch(
    string TenantId,
    string ConversionId,
    string DispatchId,
    Guid EventId,
    string PixelId,
    string Expectation,
    string Remedy,
    bool IsSent,
    string? Outcome = null,
    string? Detail = null
);

/// <summary>Sends what replayed decisions request: by the rules of every dispatch, and under the event_id it always had. Implemented by Dispatch.</summary>
public interface IDispatchReplay
{
    /// <summary>What sending each would come to. Changes nothing.</summary>
    Task<IReadOnlyList<ReplayedDispatch>> PlanAsync(
        IReadOnlyCollection<ReplayedRequest> requests,
        ReplayConsent consent,
        CancellationToken cancellationToken
    );

    /// <summary>Plans anew, sends what the plan says is to be sent, and waits for Meta's word on it.</summary>
    /// <param name="by">Who asks.</param>
    Task<IReadOnlyList<ReplayedDispatch>> SendAsync(
        IReadOnlyCollection<ReplayedRequest> requests,
        ReplayConsent consent,
        string by,
        CancellationToken cancellationToken
    );
}

/// <summary>
/// What was given up. Each letter says what sending it again would come to: <c>will_count</c> (Meta never took it), <c>will_be_deduplicated</c>
/// (Meta may have taken it less than 48 hours ago and keeps the first of the same event_id), <c>may_count_twice</c> (longer ago), <c>too_old</c>
/// (Meta refuses it) or <c>already_sent</c>. Implemented by Dispatch.
/// </summary>
public interface IDeadLetters
{
    Task<IReadOnlyList<DeadLetter>> ListAsync(DeadLetterFilter filter, CancellationToken cancellationToken);

    /// <summary>Puts letters back into the queue, under the event_id they always had.</summary>
    /// <param name="by">Who asks.</param>
    /// <param name="force">Also those that may count twice. What Meta would refuse is never sent.</param>
    Task<Redrive> RedriveAsync(DeadLetterFilter filter, string by, bool force, CancellationToken cancellationToken);

    /// <summary>Puts letters away for good; returns them.</summary>
    Task<IReadOnlyList<DeadLetter>> DiscardAsync(DeadLetterFilter filter, string reason, string by, CancellationToken cancellationToken);
}
