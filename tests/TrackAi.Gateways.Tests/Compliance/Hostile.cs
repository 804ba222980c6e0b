using System.Text;
using System.Text.Json.Nodes;

namespace TrackAi.Gateways.Tests;

/// <summary>What no gateway sends and every attacker and every bug does, as raw JSON.</summary>
internal static class Hostile
{
    private const string Placeholder = "\"@@hostile@@\"";

    public static readonly IReadOnlyDictionary<string, string> Values = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["NUL"] = "\"a\\u0000b\"",
        ["controls"] = "\"\\u0001\\u001f\\u007f\\u0085\\u202e\"",
        ["half a surrogate pair"] = "\"a\\ud800b\"",
        ["the other half"] = "\"\\udc00\"",
        ["10 KB of text"] = $"\"{new string('ã', 5_000)}\"",
        ["a huge number"] = "1e400",
        ["a number of 10,000 digits"] = new string('9', 10_000),
        ["a negative number"] = "-1",
        ["a number beyond 64 bits"] = "99999999999999999999999",
        ["deep nesting"] = $"{new string('[', 60)}{new string(']', 60)}",
        ["an object"] = "{\"a\":{\"\\ud800\":1}}",
        ["an array"] = "[null,1,\"a\",{}]",
        ["true"] = "true",
        ["null"] = "null",
        ["empty text"] = "\"\"",
        ["a formula"] = "\"=cmd|' /C calc'!A0\"",
        ["SQL"] = "\"'; drop table mt_events; --\"",
    };

    /// <summary>A body with one value put where a field was, for each of its fields.</summary>
    public static IEnumerable<(string Path, byte[] Body)> InEachField(Func<JsonObject> body, string rawJson)
    {
        foreach (var path in Paths(body(), []))
        {
            var one = body();
            JsonNode parent = one;
            foreach (var name in path[..^1])
                parent = parent[name]!;
            parent[path[^1]] = "@@hostile@@";
            yield return (
                string.Join('.', path),
                Encoding.UTF8.GetBytes(one.ToJsonString().Replace(Placeholder, rawJson, StringComparison.Ordinal))
            );
        }
    }

    private static IEnumerable<string[]> Paths(JsonObject node, string[] above)
    {
        foreach (var (name, value) in node)
        {
            yield return [.. above, name];
            if (value is JsonObject inner)
                foreach (var path in Paths(inner, [.. above, name]))
                    yield return path;
        }
    }
}
