using System.Text;
using System.Text.Json;

namespace TrackAi.Gateways;

/// <summary>The names and kinds of a body's fields without one value: what an operator needs to see how a gateway's format drifted.</summary>
internal static class BodyShape
{
    private const int MaxLength = 4000;
    private const int MaxNameLength = 64;

    public static string Of(JsonElement? body)
    {
        if (body is not { } root)
            return "not JSON";
        var shape = new StringBuilder();
        Append(shape, root);
        return shape.Length <= MaxLength ? shape.ToString() : $"{shape.ToString(0, MaxLength)}…";
    }

    private static void Append(StringBuilder shape, JsonElement element)
    {
        if (shape.Length > MaxLength)
            return;
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                shape.Append('{');
                foreach (var (index, member) in element.EnumerateObject().Index())
                {
                    shape.Append(index == 0 ? "" : ",").Append(Name(member)).Append(':');
                    Append(shape, member.Value);
                }
                shape.Append('}');
                break;
            case JsonValueKind.Array:
                shape.Append('[');
                if (element.GetArrayLength() > 0)
                    Append(shape, element[0]);
                shape.Append(']');
                break;
            default:
                shape.Append(element.ValueKind.ToString().ToLowerInvariant());
                break;
        }
    }

    // A field's name is the gateway's word; one that is no identifier may be somebody's data.
    private static string Name(JsonProperty member)
    {
        try
        {
            return member.Name.Length <= MaxNameLength && member.Name.All(letter => char.IsAsciiLetter(letter) || letter is '_' or '-')
                ? member.Name
                : "?";
        }
        catch (InvalidOperationException)
        {
            return "?";
        }
    }
}
