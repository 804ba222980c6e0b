using System.Text;

namespace TrackAi.Privacy.Normalising;

/// <summary>
/// Names: lower case, no punctuation. Meta says nothing of several names in one field and its libraries disagree, so each reading is sent:
/// the one name people go by, all of them, and all of them written together; with accents and without.
/// </summary>
internal static class Name
{
    /// <summary>First and last name of a full name: the first word, and the rest.</summary>
    public static (string? First, string? Last) Split(string? clean)
    {
        var words = (clean ?? "").Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return (words.ElementAtOrDefault(0), words.ElementAtOrDefault(1));
    }

    public static IReadOnlyList<string> FirstNames(string clean) => Variants(clean, words => words[0]);

    public static IReadOnlyList<string> LastNames(string clean) => Variants(clean, words => words[^1]);

    /// <summary>Empty when there is no letter in it.</summary>
    private static IReadOnlyList<string> Variants(string clean, Func<string[], string> likeliest)
    {
        var lower = Text.Lower(Text.Keep(clean, rune => rune.Value == ' ' || Rune.IsDigit(rune)));
        var words = lower.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || !Text.HasLetter(lower))
            return [];

        string[] accented = [likeliest(words), string.Join(' ', words), string.Concat(words)];
        return [.. accented.Concat(accented.Select(Text.Fold)).Where(name => name.Length > 0).Distinct(StringComparer.Ordinal)];
    }
}
