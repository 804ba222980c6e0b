using System.Text.RegularExpressions;

namespace TrackAi.Dispatch;

/// <summary>
/// Takes out of Meta's words what must not get into the log: Meta quotes what it refuses, and that can be a token or a person.
/// </summary>
internal static partial class Scrub
{
    private const int Longest = 300;

    /// <param name="secret">What must go whatever it looks like: the access token.</param>
    /// <param name="keep">A number that is nobody's: the pixel.</param>
    public static string Clean(string text, string secret, string keep)
    {
        if (secret.Length > 0)
            text = text.Replace(secret, "[token]", StringComparison.Ordinal);
        text = Cut(text, Longest * 4);
        text = Token().Replace(text, "[token]");
        text = Hash().Replace(text, "[hash]");
        text = Email().Replace(text, "[email]");
        text = Cookie().Replace(text, "[cookie]");
        text = Address().Replace(text, "[address]");
        text = Number().Replace(text, match => string.Equals(match.Value, keep, StringComparison.Ordinal) ? keep : "[number]");
        text = Unprintable().Replace(text, " ").Trim();
        return text.Length > Longest ? text[..Longest] + "…" : text;
    }

    /// <summary>Whole words only: half of an identifier fits no pattern and still tells something.</summary>
    private static string Cut(string text, int length) => text.Length <= length ? text : text[..Math.Max(0, text.LastIndexOf(' ', length))];

    // Tokens of the Graph API start with EA; an app's own is its id, a bar and its secret.
    [GeneratedRegex(@"EA[A-Za-z0-9]{12,}|[0-9]{6,}\|[A-Za-z0-9_-]{8,}|(?<=access_token=)[^&\s""]+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Token();

    [GeneratedRegex("[0-9A-Fa-f]{32,}", RegexOptions.None, 1000)]
    private static partial Regex Hash();

    [GeneratedRegex(@"[^\s@""'<>,;:()\[\]]+(@|%40)[^\s@""'<>,;:()\[\]]+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Email();

    [GeneratedRegex(@"fb\.[0-9]+\.[0-9]+\.[^\s""',;)\]]+", RegexOptions.None, 1000)]
    private static partial Regex Cookie();

    [GeneratedRegex(
        @"[0-9]{1,3}(\.[0-9]{1,3}){3}|([0-9A-Fa-f]{1,4}:){3,}[0-9A-Fa-f:]*|([0-9A-Fa-f]{1,4}:)+:[0-9A-Fa-f:]*",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Address();

    // A phone or a document, however it is punctuated.
    [GeneratedRegex(@"\+?[0-9](?:[ ().\-]{0,2}[0-9]){7,}", RegexOptions.None, 1000)]
    private static partial Regex Number();

    [GeneratedRegex(@"[\p{C}\s]+", RegexOptions.None, 1000)]
    private static partial Regex Unprintable();
}
