using System.Globalization;
using System.Text;

namespace TrackAi.Privacy.Normalising;

/// <summary>Text as it came, made fit to be compared: composed, without what cannot be seen, never throwing.</summary>
internal static class Text
{
    // Composed by hand as well as by the runtime: a container without ICU leaves text as it is, silently, and the hashes would differ.
    private static readonly Dictionary<(char Letter, char Mark), char> Composed = new([
        .. Marks('\u0300', "aeioun", "àèìòùǹ"),
        .. Marks('\u0301', "aeiouycnlrszgw", "áéíóúýćńĺŕśźǵẃ"),
        .. Marks('\u0302', "aeiouwycghjsz", "âêîôûŵŷĉĝĥĵŝẑ"),
        .. Marks('\u0303', "anoiuevy", "ãñõĩũẽṽỹ"),
        .. Marks('\u0304', "aeiou", "āēīōū"),
        .. Marks('\u0306', "aegiou", "ăĕğĭŏŭ"),
        .. Marks('\u0307', "czeg", "ċżėġ"),
        .. Marks('\u0308', "aeiouyw", "äëïöüÿẅ"),
        .. Marks('\u030A', "au", "åů"),
        .. Marks('\u030B', "ou", "őű"),
        .. Marks('\u030C', "cdenrstzgailou", "čďěňřšťžǧǎǐľǒǔ"),
        .. Marks('\u0327', "cstgklnr", "çşţģķļņŗ"),
        .. Marks('\u0328', "aeiu", "ąęįų"),
    ]);

    private static readonly Dictionary<char, string> Folded = new([
        .. Composed.Select(pair => KeyValuePair.Create(pair.Value, pair.Key.Letter.ToString())),
        new('ß', "ss"),
        new('æ', "ae"),
        new('œ', "oe"),
        new('ø', "o"),
        new('ł', "l"),
        new('đ', "d"),
        new('ð', "d"),
        new('þ', "th"),
        new('ı', "i"),
        new('ª', "a"),
        new('º', "o"),
    ]);

    /// <summary>
    /// Trimmed, in Unicode's composed form (NFC), without control and invisible characters and broken surrogates. Empty when nothing is left.
    /// </summary>
    public static string Clean(string value)
    {
        var text = value.AsSpan().Trim();
        if (IsPrintableAscii(text))
            return text.ToString();

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar || IsNonCharacter(rune))
                continue;
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.Control
                or UnicodeCategory.SpaceSeparator
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator:
                    clean.Append(' ');
                    break;
                case UnicodeCategory.Format:
                    break;
                default:
                    clean.Append(rune);
                    break;
            }
        }

        return clean.ToString().Normalize(NormalizationForm.FormC).Trim();
    }

    /// <summary>Lower case and composed; <paramref name="text"/> is clean.</summary>
    public static string Lower(string text)
    {
        var lower = text.ToLowerInvariant();
        return Ascii.IsValid(lower) ? lower : Compose(lower);
    }

    /// <summary>Without the marks on Latin letters: <c>joão</c> becomes <c>joao</c>.</summary>
    public static string Fold(string lower)
    {
        if (Ascii.IsValid(lower))
            return lower;

        var folded = new StringBuilder(lower.Length);
        foreach (var character in lower)
        {
            if (Folded.TryGetValue(character, out var letters))
                folded.Append(letters);
            else if (!IsCombining(character))
                folded.Append(Decomposed(character));
        }

        return folded.ToString();
    }

    /// <summary>The text and, where it differs, the text without accents: Meta's own libraries do not agree which one is hashed.</summary>
    public static IEnumerable<string> WithFolded(string lower)
    {
        yield return lower;
        var folded = Fold(lower);
        if (folded.Length > 0 && !string.Equals(folded, lower, StringComparison.Ordinal))
            yield return folded;
    }

    /// <summary>Only letters (with their marks) and what else is allowed.</summary>
    public static string Keep(string text, Func<Rune, bool> alsoAllowed)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsLetter(rune) || alsoAllowed(rune) || (IsMark(rune) && kept.Length > 0))
                kept.Append(rune);
        }

        return kept.ToString();
    }

    public static bool HasLetter(string text) => text.EnumerateRunes().Any(Rune.IsLetter);

    /// <summary>The decimal digits, of any script, as ASCII.</summary>
    public static string Digits(string text)
    {
        var digits = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            if (CharUnicodeInfo.GetDecimalDigitValue(character) is >= 0 and var digit)
                digits.Append((char)('0' + digit));
        }

        return digits.ToString();
    }

    private static string Compose(string text)
    {
        var composed = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            if (IsCombining(character) && composed.Length > 0 && Composed.TryGetValue((composed[^1], character), out var letter))
                composed[^1] = letter;
            else
                composed.Append(character);
        }

        return composed.ToString();
    }

    // Letters with two marks (Vietnamese) and other alphabets.
    private static string Decomposed(char character)
    {
        if (char.IsSurrogate(character) || !char.IsLetter(character))
            return character.ToString();
        var parts = character.ToString().Normalize(NormalizationForm.FormD);
        return parts.Length > 1 && IsCombining(parts[^1]) ? parts.TrimEnd(CombiningMarks) : character.ToString();
    }

    private static readonly char[] CombiningMarks = [.. Enumerable.Range(0x300, 0x70).Select(code => (char)code)];

    private static bool IsCombining(char character) => character is >= '\u0300' and <= '\u036F';

    private static bool IsMark(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    private static bool IsNonCharacter(Rune rune) => (rune.Value & 0xFFFE) == 0xFFFE || rune.Value is >= 0xFDD0 and <= 0xFDEF;

    private static bool IsPrintableAscii(ReadOnlySpan<char> text) => !text.ContainsAnyExceptInRange(' ', '~');

    private static IEnumerable<KeyValuePair<(char, char), char>> Marks(char mark, string letters, string composed) =>
        letters.Zip(composed, (letter, whole) => KeyValuePair.Create((letter, mark), whole));
}
