using System.Text;
using TrackAi.Contracts;

namespace TrackAi.Privacy.Normalising;

/// <summary>
/// Phones as E.164 digits without the plus. None of Meta's libraries adds a country code, and without one nobody is found, so a number of
/// Brazilian form gets 55 unless it says otherwise.
/// </summary>
internal static class Phone
{
    private const string Brazil = "55";
    private const int Longest = 15;

    /// <summary>Country code and the length of a national number, for buyers whose country is known and who left the code out.</summary>
    private static readonly Dictionary<string, (string Code, int Length)> Countries = new(StringComparer.Ordinal)
    {
        ["us"] = ("1", 10),
        ["ca"] = ("1", 10),
        ["pt"] = ("351", 9),
        ["es"] = ("34", 9),
        ["fr"] = ("33", 9),
        ["gb"] = ("44", 10),
        ["mx"] = ("52", 10),
        ["ar"] = ("54", 10),
        ["co"] = ("57", 10),
        ["cl"] = ("56", 9),
        ["pe"] = ("51", 9),
        ["uy"] = ("598", 8),
        ["py"] = ("595", 9),
        ["ao"] = ("244", 9),
        ["mz"] = ("258", 9),
    };

    /// <summary>Null when it is no phone that could be called from abroad. <paramref name="country"/> is the normalised code, where known.</summary>
    public static string? Normalise(string clean, string? country)
    {
        var dialled = Dialled(clean);
        var digits = dialled.TrimStart('0');
        if (digits.Length == 0 || digits.All(digit => digit == digits[0]))
            return null;

        var international =
            clean.StartsWith('+') || clean.StartsWith("(+", StringComparison.Ordinal) || dialled.StartsWith("00", StringComparison.Ordinal);
        var number = international ? International(digits) : National(digits, country, trunk: dialled.StartsWith('0'));
        return number?.Length is >= 8 and <= Longest ? number : null;
    }

    /// <summary>The number and, for a mobile written without its ninth digit, the number as it is dialled since 2016.</summary>
    public static IEnumerable<string> Variants(string number)
    {
        yield return number;
        if (
            number.Length == 12
            && number.StartsWith(Brazil, StringComparison.Ordinal)
            && number[4] is >= '6'
            && BrazilianPhone.IsNational(number.AsSpan(2))
        )
            yield return $"{number[..4]}9{number[4..]}";
    }

    // Up to the first thing that cannot be part of it: "11 98765-4321 ramal 12", "98765-4321 / 3456-7890".
    private static string Dialled(string clean)
    {
        var digits = new StringBuilder(clean.Length);
        foreach (var character in clean)
        {
            if (System.Globalization.CharUnicodeInfo.GetDecimalDigitValue(character) is >= 0 and var digit)
                digits.Append((char)('0' + digit));
            else if (digits.Length >= 8 && (char.IsLetter(character) || character is '/' or ';' or ',' or '|' or '#'))
                break;
        }

        return digits.ToString();
    }

    // "+55 (011) 98765-4321" is common.
    private static string International(string digits) =>
        digits.StartsWith("550", StringComparison.Ordinal) && BrazilianPhone.IsNational(digits.AsSpan(3)) ? Brazil + digits[3..] : digits;

    private static string? National(string digits, string? country, bool trunk)
    {
        if (country is null or "br")
            return Brazilian(digits, trunk) ?? (digits.Length >= 10 ? digits : null);
        if (Countries.TryGetValue(country, out var plan) && digits.Length == plan.Length)
            return plan.Code + digits;
        return digits;
    }

    private static string? Brazilian(string digits, bool trunk)
    {
        if (BrazilianPhone.IsNational(digits))
            return Brazil + digits;
        if (digits.StartsWith(Brazil, StringComparison.Ordinal) && BrazilianPhone.IsNational(digits.AsSpan(2)))
            return digits;
        // "0 15 11 98765-4321": a long-distance carrier between the zero and the area code.
        return trunk && digits.Length > 11 && BrazilianPhone.IsNational(digits.AsSpan(2)) ? Brazil + digits[2..] : null;
    }
}
