using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TrackAi.Contracts;

/// <summary>The short name of a tenant or a funnel in URLs, streams and tables: lower-case letters, digits and hyphens, 63 at most.</summary>
public static partial class TenantSlug
{
    private const int MaxLength = 63;

    public static bool IsValid(string? slug) => slug is not null && Pattern().IsMatch(slug);

    /// <summary>The slug of a name, accents dropped (<c>Ação Café</c> → <c>acao-cafe</c>); null when the name has no letter or digit to keep.</summary>
    public static string? From(string name)
    {
        var slug = new StringBuilder(name.Length);
        foreach (var character in name.Normalize(NormalizationForm.FormD))
        {
            if (CharUnicodeInfo.GetUnicodeCategory(character) == UnicodeCategory.NonSpacingMark)
                continue;
            if (BaseForm(char.ToLowerInvariant(character)) is { } text)
                slug.Append(text);
            else if (slug.Length > 0 && slug[^1] != '-')
                slug.Append('-');
        }

        var cut = slug.ToString(0, Math.Min(slug.Length, MaxLength)).TrimEnd('-');
        return cut.Length > 0 ? cut : null;
    }

    // Letters that Unicode does not take apart into a base and a mark.
    private static string? BaseForm(char character) =>
        character switch
        {
            'ß' => "ss",
            'æ' => "ae",
            'œ' => "oe",
            'ø' => "o",
            'ł' => "l",
            'đ' or 'ð' => "d",
            'þ' => "th",
            'ı' => "i",
            'ª' => "a",
            'º' => "o",
            _ => char.IsAsciiLetterOrDigit(character) ? character.ToString() : null,
        };

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,62}\z", RegexOptions.None, 1000)]
    private static partial Regex Pattern();
}
