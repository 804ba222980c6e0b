namespace TrackAi.Dispatch.DeadLetters;

/// <summary>What sending a dead letter again would come to. Pure.</summary>
internal static class Expectation
{
    public const string WillCount = "will_count";
    public const string WillBeDeduplicated = "will_be_deduplicated";
    public const string MayCountTwice = "may_count_twice";
    public const string TooOld = "too_old";
    public const string AlreadySent = "already_sent";

    /// <param name="expiresAt">When Meta refuses the event for its age.</param>
    /// <param name="unknownSince">When Meta may have taken it without our knowing; null where it cannot have.</param>
    public static string Of(DateTimeOffset expiresAt, DateTimeOffset? unknownSince, bool isSent, DateTimeOffset now) =>
        isSent ? AlreadySent
        : expiresAt <= now ? TooOld
        : unknownSince is not { } since ? WillCount
        : now - since < Attempt.DeduplicationTime ? WillBeDeduplicated
        : MayCountTwice;

    /// <summary>Whether it is put back: by itself only where it cannot count twice; never where it is of no use.</summary>
    public static bool IsRedriven(string expectation, bool force) =>
        expectation is WillCount or WillBeDeduplicated || (force && expectation is MayCountTwice);

    public static string Explain(string expectation) =>
        expectation switch
        {
            WillCount => "Meta never took it: it will count, if what it was refused for is mended.",
            WillBeDeduplicated => "Meta may have taken it less than 48 hours ago, and keeps the first of the same event_id: safe to send.",
            MayCountTwice => "Meta may have taken it more than 48 hours ago and would count it again: sent only with --force.",
            TooOld => "The sale is more than seven days old: Meta refuses it.",
            AlreadySent => "Meta has confirmed it in the meantime: there is nothing to send.",
            _ => throw new ArgumentOutOfRangeException(nameof(expectation), expectation, "Not an expectation."),
        };
}
