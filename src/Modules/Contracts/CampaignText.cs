using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace TrackAi.Contracts;

/// <summary>
/// Campaign fields are stored in the clear and for ever, so nothing that names a person may be in them: sellers do put buyers' e-mails and
/// phones into links. Losing a campaign's name now and then is the cheaper mistake.
/// </summary>
public static partial class CampaignText
{
    private const int Longest = 512;

    // Beyond what is kept, so that an address that the cut would go through is still seen whole.
    private const int Inspected = 1024;

    // A mail tool, then a redirector, each encode once; more than that nobody reads back either.
    private const int MostEncodings = 3;

    /// <summary>The text as it may be stored, at most 512 characters; null when it is empty or seems to hold an e-mail address or a phone number.</summary>
    public static string? Clean(string? value)
    {
        if (string.IsNullOrWhiteSpace(value))
            return null;

        var text = Printable(value.Length > Inspected ? value[..Inspected] : value);
        var decoded = text;
        for (var round = 0; round <= MostEncodings; round++)
        {
            if (HoldsEmail(decoded) || PhoneShape.IsIn(WithoutCookies(decoded)))
                return null;
            var next = decoded.Contains('%', StringComparison.Ordinal) ? Uri.UnescapeDataString(decoded) : decoded;
            if (next.Length == decoded.Length)
                break;
            decoded = next;
        }

        text = Shorten(text).Trim();
        return text.Length == 0 ? null : text;
    }

    private static string Printable(string value)
    {
        if (!value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            return value;
        var text = new StringBuilder(value.Length);
        foreach (var rune in value.EnumerateRunes())
        {
            // A lone surrogate is enumerated as U+FFFD, which no campaign is named.
            if (rune != Rune.ReplacementChar && Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format))
                text.Append(rune);
        }

        return text.ToString();
    }

    private static string Shorten(string text)
    {
        if (text.Length <= Longest)
            return text;
        return text[..(char.IsHighSurrogate(text[Longest - 1]) ? Longest - 1 : Longest)];
    }

    // Something, an at sign, something: stricter would let "joana@gmail" through.
    private static bool HoldsEmail(string text)
    {
        for (var index = 1; index < text.Length - 1; index++)
        {
            if (text[index] is '@' or '\uFF20' or '\uFE6B' && IsLocalPart(text[index - 1]) && char.IsLetterOrDigit(text[index + 1]))
                return true;
        }

        return false;
    }

    private static bool IsLocalPart(char character) => char.IsLetterOrDigit(character) || character is '.' or '_' or '-' or '+' or '"';

    private static string WithoutCookies(string text) =>
        text.Contains("fb.", StringComparison.Ordinal) ? Cookie().Replace(text, "|") : text;

    // Meta's, whose numbers are nobody's phone.
    [GeneratedRegex(@"fb\.[0-9]{1,3}\.[0-9]{13}\.[0-9]{5,20}(?![0-9])", RegexOptions.None, 1000)]
    private static partial Regex Cookie();

    /// <summary>
    /// Finds numbers grouped the way people write phones, and bare Brazilian ones. The ids of ads (15 to 25 digits), dates and ages are not.
    /// </summary>
    private static class PhoneShape
    {
        private const int FewestDigits = 10;
        private const int MostDigits = 15;

        /// <summary>A run of digits and what stands around it.</summary>
        /// <param name="Joins">Only what people write between the parts of a phone lies between the group before and this one.</param>
        /// <param name="Separator">The one character between them; none where there are more.</param>
        private readonly record struct Group(string Digits, bool Joins, char? Separator, bool InParentheses, bool AfterPlus, bool InWord);

        public static bool IsIn(string text)
        {
            if (CountDigits(text) < FewestDigits)
                return false;

            var groups = CollectionsMarshal.AsSpan(GroupsOf(text));
            for (var first = 0; first < groups.Length; first++)
            {
                if (StartsPhone(groups[first..]))
                    return true;
            }

            return false;
        }

        private static bool StartsPhone(ReadOnlySpan<Group> groups)
        {
            // Trunk zeros and the international 00 come on top.
            Span<char> digits = stackalloc char[MostDigits + 3];
            var length = 0;
            for (var index = 0; index < groups.Length; index++)
            {
                var group = groups[index];
                if ((index > 0 && !group.Joins) || !group.Digits.TryCopyTo(digits[length..]))
                    return false;
                length += group.Digits.Length;
                if (length >= FewestDigits && IsPhone(groups[..(index + 1)], digits[..length]))
                    return true;
            }

            return false;
        }

        private static bool IsPhone(ReadOnlySpan<Group> window, ReadOnlySpan<char> digits)
        {
            if (window.Length == 1)
                return IsBarePhone(window[0]);
            var number = digits.TrimStart('0');
            if (number.Length is < FewestDigits - 1 or > MostDigits)
                return false;
            return (window[0].AfterPlus || AnyInParentheses(window) || IsTaxpayer(window) || IsGroupedLikePhone(window, number))
                && !HoldsDate(window);
        }

        private static bool IsGroupedLikePhone(ReadOnlySpan<Group> window, ReadOnlySpan<char> number)
        {
            var longest = 0;
            foreach (var group in window)
                longest = Math.Max(longest, group.Digits.Length);
            return window[^1].Digits.Length >= 3 && (longest <= 5 || IsBrazilian(number));
        }

        private static bool AnyInParentheses(ReadOnlySpan<Group> window)
        {
            foreach (var group in window)
            {
                if (group.InParentheses)
                    return true;
            }

            return false;
        }

        private static bool IsBarePhone(Group group)
        {
            var number = group.Digits.AsSpan().TrimStart('0');
            if (group.AfterPlus && number.Length is >= FewestDigits and <= MostDigits)
                return true;
            // Ten digits are too common in ids to be taken for a phone inside a word.
            return IsBrazilian(number) && (number.Length > FewestDigits || !group.InWord);
        }

        // 123.456.789-09, the taxpayer's number.
        private static bool IsTaxpayer(ReadOnlySpan<Group> window) =>
            window is [{ Digits.Length: 3 }, { Digits.Length: 3 }, { Digits.Length: 3 }, { Digits.Length: 2 }];

        private static bool IsBrazilian(ReadOnlySpan<char> number) =>
            BrazilianPhone.IsNational(number.Length is 12 or 13 && number.StartsWith("55") ? number[2..] : number);

        private static bool HoldsDate(ReadOnlySpan<Group> window)
        {
            for (var index = 0; index + 2 < window.Length; index++)
            {
                var (one, two, three) = (window[index], window[index + 1], window[index + 2]);
                if (two.Separator is '-' or '.' or '/' && two.Separator == three.Separator && IsDate(one, two, three))
                    return true;
            }

            return false;
        }

        private static bool IsDate(Group one, Group two, Group three) =>
            IsUpTo(12, two) && ((IsYear(one) && IsUpTo(31, three)) || (IsUpTo(31, one) && IsYear(three)));

        private static bool IsYear(Group group) =>
            group.Digits.Length == 4
            && (group.Digits.StartsWith("19", StringComparison.Ordinal) || group.Digits.StartsWith("20", StringComparison.Ordinal));

        private static bool IsUpTo(int most, Group group) =>
            group.Digits.Length <= 2 && int.Parse(group.Digits, CultureInfo.InvariantCulture) is > 0 and var number && number <= most;

        private static bool IsSeparator(char character) =>
            character is '+' or '(' or ')' or '-' or '.' or '/' or '\u2010' or '\u2011' or '\u2012' or '\u2013' or '\u2014'
            || char.IsWhiteSpace(character);

        private static List<Group> GroupsOf(string text)
        {
            List<Group> groups = [];
            var end = 0;
            for (var start = NextDigit(text, 0); start < text.Length; start = NextDigit(text, end))
            {
                var between = text.AsSpan(end, start - end);
                end = start;
                while (end < text.Length && char.IsDigit(text[end]))
                    end++;
                groups.Add(
                    new Group(
                        Digits(text.AsSpan(start, end - start)),
                        Joins: AreSeparators(between),
                        Separator: between.Length == 1 ? between[0] : null,
                        InParentheses: between.EndsWith("("),
                        AfterPlus: IsAfterPlus(text.AsSpan(0, start)),
                        InWord: (start > 0 && char.IsLetter(text[start - 1])) || (end < text.Length && char.IsLetter(text[end]))
                    )
                );
            }

            return groups;
        }

        private static int NextDigit(string text, int index)
        {
            while (index < text.Length && !char.IsDigit(text[index]))
                index++;
            return index;
        }

        private static int CountDigits(string text)
        {
            var count = 0;
            foreach (var character in text)
                count += char.IsDigit(character) ? 1 : 0;
            return count;
        }

        private static bool AreSeparators(ReadOnlySpan<char> between)
        {
            foreach (var character in between)
            {
                if (!IsSeparator(character))
                    return false;
            }

            return between.Length is > 0 and <= 3;
        }

        // "black+friday": between words it is a space of a query string.
        private static bool IsAfterPlus(ReadOnlySpan<char> before)
        {
            before = before.TrimEnd('(');
            return before.EndsWith("+") && (before.Length == 1 || !char.IsLetterOrDigit(before[^2]));
        }

        private static string Digits(ReadOnlySpan<char> text)
        {
            var digits = new char[text.Length];
            for (var index = 0; index < digits.Length; index++)
                digits[index] = (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(text[index]));
            return new string(digits);
        }
    }
}
