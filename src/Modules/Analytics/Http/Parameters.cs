using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace TrackAi.Analytics.Http;

/// <summary>The other parameters of queries, read strictly.</summary>
internal static class Parameters
{
    private const int DefaultLimit = 50;
    private const int MostRows = 500;

    public static int Limit(string? text)
    {
        if (text is null)
            return DefaultLimit;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit is >= 1 and <= MostRows
            ? limit
            : throw new InvalidQueryException("limit", $"must be a number from 1 to {MostRows}.");
    }

    public static string? Gateway(string? text) =>
        text is null
        || (text.Length is > 0 and <= 64 && text.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character)))
            ? text
            : throw new InvalidQueryException("gateway", "must be the name of a gateway, such as hotmart.");

    public static string? Funnel(string? text) =>
        text is null || (text.Length is > 0 and <= 100 && !text.Any(char.IsControl))
            ? text
            : throw new InvalidQueryException("funnel", "must be the id of a funnel.");

    public static string? Status(string? text, IReadOnlyList<string> known) =>
        text is null || known.Contains(text, StringComparer.Ordinal)
            ? text
            : throw new InvalidQueryException("status", $"must be one of {string.Join(", ", known)}.");
}

/// <summary>Where the next page begins: after the row with this time and id, the latest rows being first.</summary>
internal sealed record Cursor(DateTimeOffset At, string Id)
{
    public static Cursor? Read(string? text)
    {
        if (text is null)
            return null;
        try
        {
            var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('|', 2);
            if (parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds))
                return new Cursor(DateTimeOffset.UnixEpoch.AddMicroseconds(microseconds), parts[1]);
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            // The same as any other text that is no cursor.
        }

        throw new InvalidQueryException("cursor", "must be the next of the page before.");
    }

    public override string ToString()
    {
        var microseconds = (At.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{microseconds}|{Id}")));
    }
}

/// <param name="Data">The rows, the latest first.</param>
/// <param name="Next">Give it as <c>cursor</c> to get the next page; null on the last one.</param>
internal sealed record Page<T>(IReadOnlyList<T> Data, string? Next)
{
    /// <param name="rows">One more than asked for, where there is one.</param>
    public static Page<T> Of(IReadOnlyList<T> rows, int limit, Func<T, Cursor> cursor) =>
        rows.Count <= limit ? new(rows, Next: null) : new([.. rows.Take(limit)], cursor(rows[limit - 1]).ToString());
}
