namespace TrackAi.Privacy.Normalising;

/// <summary>E-mail addresses: trimmed and in lower case, nothing else. Dots and plus suffixes stay: they are part of the address at Meta.</summary>
internal static class Email
{
    public static string? Normalise(string clean)
    {
        var email = Text.Lower(clean.StartsWith("mailto:", StringComparison.OrdinalIgnoreCase) ? clean[7..] : clean);
        var at = email.IndexOf('@', StringComparison.Ordinal);
        if (at is < 1 or > 64 || email.Length > 254 || email.LastIndexOf('@') != at || email.Any(IsForbidden))
            return null;
        return IsDomain(email.AsSpan(at + 1)) ? email : null;
    }

    private static bool IsForbidden(char character) =>
        char.IsWhiteSpace(character) || character is '<' or '>' or '(' or ')' or '[' or ']' or ',' or ';' or ':' or '"' or '\\';

    private static bool IsDomain(ReadOnlySpan<char> domain)
    {
        var dot = domain.LastIndexOf('.');
        if (dot < 1 || domain.Length - dot < 3 || domain[0] is '.' or '-' || domain.Contains("..", StringComparison.Ordinal))
            return false;
        foreach (var character in domain)
        {
            if (!char.IsLetterOrDigit(character) && character is not ('.' or '-'))
                return false;
        }

        return true;
    }
}
