using System.Runtime.InteropServices;

namespace TrackAi.Dispatch;

/// <summary>What came of one request to Meta.</summary>
internal abstract record MetaAnswer(TimeSpan Latency)
{
    /// <summary>How much of what it grants Meta says is used up.</summary>
    public MetaUsage Usage { get; init; }

    /// <summary>Meta took every event.</summary>
    /// <param name="Messages">Meta's warnings.</param>
    public sealed record Accepted(int EventsReceived, string? FbTraceId, IReadOnlyList<string> Messages, int HttpStatus, TimeSpan Latency)
        : MetaAnswer(Latency);

    /// <summary>Meta answered, and the answer does not confirm every event.</summary>
    /// <param name="Message">Free of tokens and personal data, and short.</param>
    /// <param name="RetryAfter">How long Meta asks to be left alone.</param>
    public sealed record Refused(
        ErrorClass Class,
        int HttpStatus,
        int? Code,
        int? Subcode,
        string Message,
        string? FbTraceId,
        TimeSpan? RetryAfter,
        TimeSpan Latency
    ) : MetaAnswer(Latency)
    {
        /// <summary>Whether one event among others can be the cause, so that parting them finds it.</summary>
        public bool IsAboutTheEvents => Class is ErrorClass.Permanent && (Code is 100 || HttpStatus is 413);
    }

    /// <summary>No answer, or none that could be read to its end. Class <see cref="ErrorClass.NoAnswer"/>.</summary>
    public sealed record NoAnswer(string Error, TimeSpan Latency) : MetaAnswer(Latency);

    /// <summary>Nothing was sent: a circuit is open.</summary>
    public sealed record NotAsked() : MetaAnswer(TimeSpan.Zero);
}

/// <summary>
/// What the headers X-Business-Use-Case-Usage, X-App-Usage and X-Ad-Account-Usage tell
/// (https://developers.facebook.com/docs/graph-api/overview/rate-limiting): the highest percentage, and when a refused caller may come back.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct MetaUsage(double Percent, TimeSpan RegainAccess);
