using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace TrackAi.Contracts;

/// <summary>
/// Meta's click and browser cookies. See <c>fbp and fbc parameters</c> in the Conversions API's documentation: four segments, or five since
/// Meta's own parameter builder appends one. Case matters in all of them.
/// </summary>
public static class Fbc
{
    // Meta's are around 150; a longer one is an attack or an accident, and a shortened one would match nobody.
    private const int LongestFbclid = 1024;

    /// <summary>
    /// The <c>fbc</c> of a click that brought an <c>fbclid</c> but no cookie: <c>fb.1.{ms}.{fbclid}</c>, with the time the fbclid was first seen.
    /// Null when <paramref name="fbclid"/> is none: an fbc is never invented.
    /// </summary>
    public static string? FromFbclid(string? fbclid, DateTimeOffset seen) =>
        IsFbclid(fbclid) ? string.Create(CultureInfo.InvariantCulture, $"fb.1.{seen.ToUnixTimeMilliseconds()}.{fbclid}") : null;

    /// <summary>Whether <paramref name="value"/> can be an fbclid: base64url text.</summary>
    public static bool IsFbclid([NotNullWhen(true)] string? value) =>
        value is { Length: > 0 and <= LongestFbclid } && value is not ("undefined" or "null") && IsBase64Url(value);

    /// <summary>Whether <paramref name="value"/> has the form of an <c>fbc</c>.</summary>
    public static bool IsValid([NotNullWhen(true)] string? value) => TryFindPayload(value, out _);

    /// <summary>Whether <paramref name="value"/> has the form of an <c>fbp</c>, <c>fb.{index}.{ms}.{random}</c>.</summary>
    public static bool IsValidFbp([NotNullWhen(true)] string? value) => TryFindPayload(value, out _);

    /// <summary>The fbclid inside an <c>fbc</c>; null when it is not a valid one.</summary>
    public static string? FbclidOf(string? fbc) => TryFindPayload(fbc, out var payload) ? fbc[payload] : null;

    private static bool TryFindPayload([NotNullWhen(true)] string? value, out Range payload)
    {
        payload = default;
        if (value is not { Length: > 0 and <= LongestFbclid + 64 })
            return false;

        var text = value.AsSpan();
        Span<Range> segments = stackalloc Range[6];
        var count = text.Split(segments, '.');
        if (count is not (4 or 5) || text[segments[0]] is not "fb")
            return false;
        if (!IsNumber(text[segments[1]], longest: 3) || !IsNumber(text[segments[2]], longest: 16))
            return false;
        if (text[segments[3]] is "undefined" or "null" || !IsBase64Url(text[segments[3]]))
            return false;
        if (count == 5 && !IsBase64Url(text[segments[4]]))
            return false;
        payload = segments[3];
        return true;
    }

    private static bool IsNumber(ReadOnlySpan<char> text, int longest) =>
        text.Length > 0 && text.Length <= longest && !text.ContainsAnyExceptInRange('0', '9');

    private static bool IsBase64Url(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('-' or '_'))
                return false;
        }

        return text.Length > 0;
    }
}
