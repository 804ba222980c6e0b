using System.Globalization;
using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// Reads what gateways really send: numbers as text, text as numbers, nulls, missing objects. A field of another kind reads as missing.
/// </summary>
public static class JsonFields
{
    /// <summary>The member at a path, or null.</summary>
    public static JsonElement? At(this JsonElement element, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || Member(element, name) is not { ValueKind: not JsonValueKind.Null } member)
                return null;
            element = member;
        }

        return element;
    }

    /// <summary>Trimmed text, or a number's digits; null when missing, empty or of another kind.</summary>
    public static string? Text(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.At(path) switch
        {
            { ValueKind: JsonValueKind.String } text => Trimmed(text),
            { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
            _ => null,
        };

    /// <summary>A number, also when it comes as text with a decimal point; null otherwise.</summary>
    public static decimal? Number(this JsonElement element, params ReadOnlySpan<string> path) =>
        decimal.TryParse(element.Text(path), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    public static long? WholeNumber(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.Number(path) is { } number && number == decimal.Truncate(number) && Math.Abs(number) <= long.MaxValue ? (long)number : null;

    /// <summary>The id of an order: text of 1 to 200 characters without control characters; null otherwise.</summary>
    public static string? Order(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.Text(path) is { Length: <= 200 } order && !order.Any(char.IsControl) ? order : null;

    /// <summary>An amount of money that somebody may have paid; null otherwise.</summary>
    public static decimal? Amount(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.Number(path) is { } amount and >= 0 and < Money.Limit ? amount : null;

    /// <summary>An ISO 4217 code in upper case; null otherwise.</summary>
    public static string? Currency(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.Text(path) is { Length: 3 } code && code.All(char.IsAsciiLetter) ? code.ToUpperInvariant() : null;

    private static JsonElement? Member(JsonElement element, string name)
    {
        try
        {
            return element.TryGetProperty(name, out var member) ? member : null;
        }
        catch (InvalidOperationException)
        {
            // Some member's name is half a surrogate pair; it must not hide the others.
            return element
                .EnumerateObject()
                .Where(member => IsCalled(member, name))
                .Select(member => (JsonElement?)member.Value)
                .LastOrDefault();
        }
    }

    private static bool IsCalled(JsonProperty member, string name)
    {
        try
        {
            return member.NameEquals(name);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static string? Trimmed(JsonElement text)
    {
        try
        {
            return text.GetString()?.Trim() is { Length: > 0 } value ? value : null;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair: text that no text can hold.
            return null;
        }
    }
}
