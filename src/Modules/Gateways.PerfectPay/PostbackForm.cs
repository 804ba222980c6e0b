using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Microsoft.AspNetCore.WebUtilities;

namespace TrackAi.Gateways.PerfectPay;

/// <summary>A postback that was sent as a form: <c>code=PPCP…&amp;customer[email]=…</c>, read as the JSON object it stands for.</summary>
internal static class PostbackForm
{
    public const string MediaType = "application/x-www-form-urlencoded";

    // A postback has two levels and some hundred fields.
    private const int Deepest = 8;

    public static JsonElement? Read(ReadOnlySpan<byte> body)
    {
        if (!Utf8.IsValid(body))
            return null;
        var root = new JsonObject();
        foreach (var (name, values) in QueryHelpers.ParseQuery(Encoding.UTF8.GetString(body)))
            Set(root, name.Split('['), values.ToString());
        return JsonSerializer.SerializeToElement(root);
    }

    private static void Set(JsonObject parent, ReadOnlySpan<string> path, string value)
    {
        if (path.Length > Deepest)
            return;
        foreach (var step in path[..^1])
        {
            var name = step.TrimEnd(']');
            if (parent[name] is not JsonObject child)
                parent[name] = child = [];
            parent = child;
        }

        if (parent[path[^1].TrimEnd(']')] is not JsonObject)
            parent[path[^1].TrimEnd(']')] = value;
    }
}
