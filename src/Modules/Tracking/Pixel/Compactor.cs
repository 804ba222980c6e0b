using System.Text;
using System.Text.RegularExpressions;

namespace TrackAi.Tracking;

/// <summary>
/// Makes the pixel small: no comments, no white space, one or two letters for each name that begins with a dollar, one declaration for several.
/// Enough for the one script it is for, whose head says what it keeps to: statements end in semicolons, and a template literal is refused.
/// </summary>
internal static partial class Compactor
{
    public static string Compact(string script)
    {
        var tokens = Tokens().Matches(script).Where(token => !token.Groups["space"].Success).ToArray();
        if (tokens.FirstOrDefault(token => token.Value == "`") is { } template)
            throw new InvalidOperationException($"The script has a template literal at {template.Index}; write it as a sum.");
        var names = ShortNames(tokens);
        var texts = tokens.Select(token => names.GetValueOrDefault(token.Value, token.Value)).ToList();
        return Joined(JoinedDeclarations(ShortWords(BareArrows(texts))));
    }

    // The more often a name is used, the shorter.
    private static Dictionary<string, string> ShortNames(IReadOnlyCollection<Match> tokens)
    {
        var words = tokens.Where(token => token.Groups["word"].Success).Select(token => token.Value).ToArray();
        var taken = words.ToHashSet(StringComparer.Ordinal);
        taken.UnionWith(["as", "do", "if", "in", "of"]);
        return words
            .Where(word => word.StartsWith('$'))
            .CountBy(word => word, StringComparer.Ordinal)
            .OrderByDescending(word => word.Value)
            .ThenBy(word => word.Key, StringComparer.Ordinal)
            .Zip(Candidates().Where(name => !taken.Contains(name)), (word, name) => (word.Key, name))
            .ToDictionary(pair => pair.Key, pair => pair.name, StringComparer.Ordinal);
    }

    private static IEnumerable<string> Candidates()
    {
        const string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        return letters.Select(letter => $"{letter}").Concat(letters.SelectMany(first => letters.Select(second => $"{first}{second}")));
    }

    // (one) => is one =>, and () => is _ =>.
    private static List<string> BareArrows(List<string> texts)
    {
        var bare = new List<string>(texts.Count);
        for (var index = 0; index < texts.Count; index++)
        {
            if (texts[index] == "(" && IsAt(texts, index + 1, ")") && IsAt(texts, index + 2, "=>"))
            {
                bare.Add("_");
                index += 1;
            }
            else if (texts[index] == "(" && IsAt(texts, index + 2, ")") && IsAt(texts, index + 3, "=>") && IsWord(texts[index + 1][0]))
            {
                bare.Add(texts[index + 1]);
                index += 2;
            }
            else
                bare.Add(texts[index]);
        }
        return bare;
    }

    private static List<string> ShortWords(List<string> texts) =>
        [
            .. texts.Select(
                (text, index) =>
                    text switch
                    {
                        "const" => "let",
                        "true" when !IsAt(texts, index + 1, ":") => "!0",
                        "false" when !IsAt(texts, index + 1, ":") => "!1",
                        _ => text,
                    }
            ),
        ];

    // let a = 1; let b = 2; is let a = 1, b = 2; where both are statements of one block.
    private static List<string> JoinedDeclarations(List<string> texts)
    {
        var joined = new List<string>(texts.Count);
        var outer = new Stack<bool>();
        var (begins, declares) = (true, false);
        for (var index = 0; index < texts.Count; index++)
        {
            var text = texts[index];
            declares = begins ? text == "let" : declares;
            begins = text is ";" or "{";
            if (text is "(" or "[" or "{")
            {
                outer.Push(declares);
                declares = false;
            }
            else if (text is ")" or "]" or "}")
            {
                declares = outer.Pop();
                begins = text == "}" && index + 1 < texts.Count && texts[index + 1] is not ("," or ";" or ")" or "." or "(" or "[");
            }
            if (text == ";" && declares && IsAt(texts, index + 1, "let"))
            {
                joined.Add(",");
                (begins, index) = (false, index + 1);
            }
            else
                joined.Add(text);
        }
        return joined;
    }

    private static string Joined(List<string> texts)
    {
        var script = new StringBuilder();
        foreach (var text in texts)
        {
            if (script.Length > 0 && ((text is "}" or "]" or ")" && script[^1] == ',') || (text == "}" && script[^1] == ';')))
                script.Length--;
            if (script.Length > 0 && IsWord(script[^1]) && IsWord(text[0]))
                script.Append(' ');
            script.Append(text);
        }
        return script.ToString();
    }

    private static bool IsAt(List<string> texts, int index, string text) => index < texts.Count && texts[index] == text;

    private static bool IsWord(char character) => char.IsAsciiLetterOrDigit(character) || character is '_' or '$';

    // A slash begins a regular expression where no value stands before it.
    [GeneratedRegex(
        """
            (?<space> \s+ | //[^\n]* | /\*.*?\*/ )
            | (?<text> '(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*" )
            | (?<regex> (?<=[=>(,:;!&|?{}\[]\s*) / (?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+ / [a-z]* )
            | (?<word> [A-Za-z_$][\w$]* )
            | (?<number> [0-9][\w.]* )
            | (?<sign> => | . )
            """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Tokens();
}
