using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace TrackAi.Contracts;

/// <summary>
/// The id of a click, made to survive a checkout's tracking fields: <c>tk1_</c>, 16 base62 characters and one check character.
/// Fixed length, because other scripts glue alphanumeric text to it; only <c>[A-Za-z0-9_]</c>, because Stripe drops anything else.
/// </summary>
public static partial class ClickToken
{
    private const string Prefix = "tk1_";
    private const string Base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int BodyLength = 16;
    private const int MostInADelivery = 8;

    /// <summary>A new token. <paramref name="fill"/> fills a span with random bytes; the system's generator when left out.</summary>
    public static string New(Action<Span<byte>>? fill = null)
    {
        Span<byte> random = stackalloc byte[BodyLength * 2];
        (fill ?? RandomNumberGenerator.Fill)(random);
        return string.Create(
            Prefix.Length + BodyLength + 1,
            random.ToArray(),
            static (token, bytes) =>
            {
                Prefix.CopyTo(token);
                for (var index = 0; index < BodyLength; index++)
                    token[Prefix.Length + index] = Base62[(bytes[index * 2] << 8 | bytes[index * 2 + 1]) % Base62.Length];
                token[^1] = CheckCharacter(token.Slice(Prefix.Length, BodyLength));
            }
        );
    }

    /// <summary>Whether <paramref name="text"/> is exactly one token: 21 characters with the right check character, or the 20 without one.</summary>
    public static bool IsValid(string? text) =>
        text is { Length: 20 or 21 } && AllIn(text) is [var only] && string.Equals(only, text, StringComparison.Ordinal);

    /// <summary>
    /// Each different token inside the tracking fields of one delivery, in the order of the fields. A checkout that was reached twice may carry two; of
    /// more than eight the rest is no evidence but somebody's joke.
    /// </summary>
    public static IReadOnlyList<string> FindAll(params ReadOnlySpan<string?> fields)
    {
        List<string>? found = null;
        foreach (var field in fields)
        {
            if (field is null)
                continue;
            foreach (var token in AllIn(field))
            {
                if (found?.Count == MostInADelivery)
                    return found;
                if (found?.Contains(token, StringComparer.Ordinal) != true)
                    (found ??= []).Add(token);
            }
        }

        return found ?? (IReadOnlyList<string>)[];
    }

    /// <summary>
    /// Every token inside a tracking field, whatever surrounds it. Where the check character does not fit, the 20 characters in front of it are taken: a
    /// token minted without one, glued to another script's text.
    /// </summary>
    public static IReadOnlyList<string> AllIn(string field)
    {
        List<string>? found = null;
        var text = TrackingText.Unescaped(field);
        foreach (var match in Candidate().EnumerateMatches(text))
            (found ??= []).Add(TokenAt(text, match.Index));
        return found ?? (IReadOnlyList<string>)[];
    }

    internal static IReadOnlyList<string> Together(string? first, IReadOnlyList<string>? others) =>
        first is null ? others ?? [] : [first, .. others ?? []];

    private static string TokenAt(string field, int index)
    {
        var candidate = field.AsSpan(index);
        var length = candidate.Length > 20 && candidate[20] == CheckCharacter(candidate[4..20]) ? 21 : 20;
        return candidate[..length].ToString();
    }

    // Weighted by position, so that two swapped characters are noticed too.
    private static char CheckCharacter(ReadOnlySpan<char> body)
    {
        var sum = 0;
        for (var index = 0; index < body.Length; index++)
            sum += (index + 1) * Base62.IndexOf(body[index], StringComparison.Ordinal);
        return Base62[sum % 61];
    }

    [GeneratedRegex("tk1_[A-Za-z0-9]{16}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Candidate();
}
