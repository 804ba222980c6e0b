namespace TrackAi.Dispatch;

/// <summary>What a failed attempt means for what comes next.</summary>
internal enum ErrorClass
{
    /// <summary>Try again later with the same event_id.</summary>
    Transient,

    /// <summary>Slow down everything that goes to this pixel.</summary>
    Throttled,

    /// <summary>The access token is dead: pause the pixel until it has a new one.</summary>
    Token,

    /// <summary>The token may not write to this pixel, or there is no such pixel: pause it until someone mends that.</summary>
    Permission,

    /// <summary>Trying again changes nothing.</summary>
    Permanent,

    /// <summary>Whether Meta took the events is unknown; the same event_id makes another attempt harmless.</summary>
    NoAnswer,
}

internal static class ErrorClasses
{
    /// <summary>The class as events and tables name it.</summary>
    public static string Name(this ErrorClass errorClass) =>
        errorClass switch
        {
            ErrorClass.Transient => "transient",
            ErrorClass.Throttled => "throttled",
            ErrorClass.Token => "token",
            ErrorClass.Permission => "permission",
            ErrorClass.Permanent => "permanent",
            ErrorClass.NoAnswer => "no_answer",
            _ => throw new ArgumentOutOfRangeException(nameof(errorClass), errorClass, "Not an error class."),
        };

    /// <summary>
    /// Reads Meta's refusal. https://developers.facebook.com/docs/graph-api/guides/error-handling and
    /// https://developers.facebook.com/docs/graph-api/overview/rate-limiting list the codes.
    /// </summary>
    /// <param name="code">Null when the body was not Meta's error.</param>
    public static ErrorClass Of(int httpStatus, int? code, int? subcode, bool isTransient) =>
        (httpStatus, code, subcode) switch
        {
            (_, 4 or 17 or 32 or 341 or 613 or (>= 80000 and <= 80014), _) => ErrorClass.Throttled,
            (429, _, _) => ErrorClass.Throttled,
            _ when isTransient => ErrorClass.Transient,
            (_, 102 or 190, _) => ErrorClass.Token,
            (_, 3 or 10 or (>= 200 and <= 299), _) => ErrorClass.Permission,
            (_, 1 or 2, _) or (>= 500, _, _) => ErrorClass.Transient,
            // The pixel does not exist for this token: no event of its own is to blame.
            (_, 100, 33) => ErrorClass.Permission,
            (413, null, _) => ErrorClass.Permanent,
            (401, null, _) => ErrorClass.Token,
            // An answer without Meta's error is a proxy's, or cut short: not a verdict on the events.
            (_, null, _) => ErrorClass.Transient,
            _ => ErrorClass.Permanent,
        };
}
