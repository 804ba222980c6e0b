using System.Globalization;

namespace TrackAi.Privacy.Normalising;

/// <summary>Dates of birth as YYYYMMDD, and gender as f or m.</summary>
internal static class Birth
{
    // Day before month, as Brazil writes; month first is only tried when there is no such day.
    private static readonly string[] Formats =
    [
        "yyyy-M-d",
        "yyyyMMdd",
        "yyyy/M/d",
        "yyyy.M.d",
        "d/M/yyyy",
        "d-M-yyyy",
        "d.M.yyyy",
        "ddMMyyyy",
        "M/d/yyyy",
        "M-d-yyyy",
    ];

    /// <summary>Null when it is no date of the last or this century.</summary>
    public static string? Date(string clean)
    {
        var day = clean.AsSpan();
        var time = day.IndexOfAny('T', ' ');
        if (time >= 8)
            day = day[..time];
        foreach (var format in Formats)
        {
            if (
                DateOnly.TryParseExact(day, format, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
                && date.Year is >= 1900 and < 2100
            )
                return date.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        }

        return null;
    }

    public static string? Gender(string clean) =>
        Text.Fold(Text.Lower(clean)) switch
        {
            "f" or "female" or "feminino" or "feminina" or "femenino" or "fem" or "mulher" or "mujer" or "woman" => "f",
            "m" or "male" or "masculino" or "masculina" or "masc" or "homem" or "hombre" or "man" => "m",
            _ => null,
        };
}
