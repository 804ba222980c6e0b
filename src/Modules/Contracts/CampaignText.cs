using System.Globalization;
using System.Text;

namespace TrackAi.Contracts;

/// <summary>
/// Campaign fields are stored in the clear and for ever, so nothing that names a person may be in them: sellers do put buyers' e-mails and
/// phones into links. Losing a campaign's name now and then is the cheaper mistake.
/// </summary>
public static class CampaignText
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
            if (HoldsEmail(decoded) || PhoneShape.IsIn(decoded))
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

    /// <summary>
    /// Finds numbers grouped the way people write phones, and bare Brazilian ones. The ids of ads (15 to 25 digits), dates and ages are not.
    /// </summary>
    private static class PhoneShape
    {
        private const int FewestDigits = 10;
        private const int MostDigits = 15;

        /// <summary>A run of digits and what stands in front of it.</summary>
        private readonly record struct Group(string Digits, string Before, bool AfterPlus, bool AfterLetter, bool BeforeLetter)
        {
            public bool Joins => Before.Length is > 0 and <= 3 && Before.All(IsSeparator);

            public bool InParentheses => Before.EndsWith('(');
        }

        public static bool IsIn(string text)
        {
            var groups = GroupsOf(text);
            for (var first = 0; first < groups.Count; first++)
            {
                if (StartsPhone(groups, first))
                    return true;
            }

            return false;
        }

        private static bool StartsPhone(List<Group> groups, int first)
        {
            var digits = "";
            for (var last = first; last < groups.Count; last++)
            {
                var group = groups[last];
                if (last > first && !group.Joins)
                    return false;
                digits += group.Digits;
                // Trunk zeros and the international 00 come on top.
                if (digits.Length > MostDigits + 3)
                    return false;
                if (IsPhone(groups, first, last, digits))
                    return true;
            }

            return false;
        }

        private static bool IsPhone(List<Group> groups, int first, int last, string digits)
        {
            if (digits.Length < FewestDigits)
                return false;
            if (first == last)
                return IsBarePhone(groups[first]);
            if (HoldsDate(groups, first, last))
                return false;

            var number = digits.TrimStart('0');
            if (number.Length is < FewestDigits - 1 or > MostDigits)
                return false;
            var window = groups.GetRange(first, last - first + 1);
            var ending = window[^1].Digits.Length;
            return window[0].AfterPlus
                || window.Exists(group => group.InParentheses)
                || IsTaxpayer(window)
                || (ending >= 3 && window.Exists(group => group.Digits.Length >= 4) && IsBrazilian(number))
                || (digits.Length <= MostDigits && ending >= 3 && window.TrueForAll(group => group.Digits.Length <= 5));
        }

        private static bool IsBarePhone(Group group)
        {
            var number = group.Digits.TrimStart('0');
            if (group.AfterPlus && number.Length is >= FewestDigits and <= MostDigits)
                return true;
            if (!IsBrazilian(number))
                return false;
            // Ten digits are too common in ids to be taken for a phone inside a word.
            return number.Length > FewestDigits || !(group.AfterLetter || group.BeforeLetter);
        }

        // 123.456.789-09, the taxpayer's number.
        private static bool IsTaxpayer(List<Group> window) =>
            window is [{ Digits.Length: 3 }, { Digits.Length: 3 }, { Digits.Length: 3 }, { Digits.Length: 2 }];

        private static bool IsBrazilian(string number)
        {
            if (number.Length is 12 or 13 && number.StartsWith("55", StringComparison.Ordinal))
                number = number[2..];
            return BrazilianPhone.IsNational(number);
        }

        private static bool HoldsDate(List<Group> groups, int first, int last)
        {
            for (var index = first; index + 2 <= last; index++)
            {
                var (one, two, three) = (groups[index], groups[index + 1], groups[index + 2]);
                if (
                    two.Before is "-" or "." or "/"
                    && string.Equals(two.Before, three.Before, StringComparison.Ordinal)
                    && IsDate(one, two, three)
                )
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
            var index = 0;
            var end = 0;
            while (index < text.Length)
            {
                if (!IsDigit(text[index]))
                {
                    index++;
                    continue;
                }

                var start = index;
                while (index < text.Length && IsDigit(text[index]))
                    index++;
                groups.Add(
                    new Group(
                        Digits(text.AsSpan(start, index - start)),
                        text[Math.Max(end, start - 4)..start],
                        IsAfterPlus(text.AsSpan(0, start)),
                        start > 0 && char.IsLetter(text[start - 1]),
                        index < text.Length && char.IsLetter(text[index])
                    )
                );
                end = index;
            }

            return groups;
        }

        // "black+friday": between words it is a space of a query string.
        private static bool IsAfterPlus(ReadOnlySpan<char> before)
        {
            before = before.TrimEnd('(');
            return before.EndsWith("+") && (before.Length == 1 || !char.IsLetterOrDigit(before[^2]));
        }

        private static bool IsDigit(char character) => char.IsAsciiDigit(character) || char.IsDigit(character);

        private static string Digits(ReadOnlySpan<char> text)
        {
            var digits = new char[text.Length];
            for (var index = 0; index < digits.Length; index++)
                digits[index] = (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(text[index]));
            return new string(digits);
        }
    }
}
