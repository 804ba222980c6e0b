using System.Globalization;
using System.Text.RegularExpressions;

namespace TrackAi.Gateways;

/// <summary>Times as gateways write them. A time without a zone is read as Brasília's, which has been UTC-3 all year since 2019.</summary>
public static partial class GatewayTime
{
    // As seconds, it is in the year 5138.
    private const long MillisecondsFrom = 100_000_000_000;
    private static readonly TimeSpan Brasilia = TimeSpan.FromHours(-3);
    private static readonly DateTimeOffset Earliest = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string[] WithoutZone =
    [
        "yyyy-MM-dd HH:mm:ss",
        "yyyy-MM-dd HH:mm",
        "yyyy-MM-ddTHH:mm:ss",
        "yyyy-MM-ddTHH:mm:ss.FFFFFFF",
        "yyyy-MM-ddTHH:mm",
        "yyyy-MM-dd",
    ];

    /// <summary>
    /// ISO 8601, the same without a zone, unix seconds (with a fraction, too) or unix milliseconds; null when it is none of them or before 2000.
    /// </summary>
    public static DateTimeOffset? Parse(string? text)
    {
        if (text is null)
            return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var unix))
            return FromUnix(unix);
        if (
            decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds is > 0 and < MillisecondsFrom
        )
            return Plausible(DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * 1000)));
        if (DateTime.TryParseExact(text, WithoutZone, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
            return local.Year is >= 2000 and < 9999 ? new DateTimeOffset(local, Brasilia) : null;
        // The general parser would also take "10:30" for today and 05/10 for the tenth of May.
        return
            IsoDate().IsMatch(text)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? Plausible(time)
            : null;
    }

    /// <summary>
    /// The time to believe: the gateway's, unless it lies in the future or is missing. Zones of gateways are guesses, so three hours ahead is "now" too.
    /// </summary>
    public static DateTimeOffset Believe(DateTimeOffset? claimed, DateTimeOffset receivedAt) =>
        claimed is { } time && time <= receivedAt ? time.ToUniversalTime() : receivedAt;

    private static DateTimeOffset? FromUnix(long unix) =>
        unix switch
        {
            > 0 and < MillisecondsFrom => Plausible(DateTimeOffset.FromUnixTimeSeconds(unix)),
            >= MillisecondsFrom and < 1000 * MillisecondsFrom => Plausible(DateTimeOffset.FromUnixTimeMilliseconds(unix)),
            _ => null,
        };

    private static DateTimeOffset? Plausible(DateTimeOffset time) => time >= Earliest ? time : null;

    [GeneratedRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]", RegexOptions.None, 1000)]
    private static partial Regex IsoDate();
}
