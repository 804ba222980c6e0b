using System.Net.Http.Headers;
using System.Text.Json;

namespace TrackAi.Dispatch;

/// <summary>
/// Reads what Meta says of its limits with every answer (https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers). What cannot
/// be read says nothing.
/// </summary>
internal static class UsageHeaders
{
    private static readonly string[] Names = ["X-Business-Use-Case-Usage", "X-App-Usage", "X-Ad-Account-Usage"];
    private static readonly string[] Percentages = ["call_count", "total_cputime", "total_time", "acc_id_util_pct"];

    public static MetaUsage Read(HttpResponseHeaders headers)
    {
        var usage = default(MetaUsage);
        foreach (var name in Names)
            if (headers.TryGetValues(name, out var values))
                foreach (var value in values)
                    usage = Higher(usage, Parse(value));
        return usage;
    }

    private static MetaUsage Parse(string value)
    {
        try
        {
            using var json = JsonDocument.Parse(value);
            return Of(json.RootElement);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    // An app's is an object of percentages; a business's has a list of them for each account.
    private static MetaUsage Of(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Array => element.EnumerateArray().Aggregate(default(MetaUsage), static (sum, one) => Higher(sum, Of(one))),
            JsonValueKind.Object => element
                .EnumerateObject()
                .Aggregate(default(MetaUsage), static (sum, member) => Higher(sum, Of(member.Name, member.Value))),
            _ => default,
        };

    private static MetaUsage Of(string name, JsonElement value) =>
        value.ValueKind is JsonValueKind.Array or JsonValueKind.Object ? Of(value)
        : value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || number is not (>= 0 and < 1e6) ? default
        : name is "estimated_time_to_regain_access" ? new MetaUsage(0, TimeSpan.FromMinutes(number))
        : Percentages.Contains(name, StringComparer.Ordinal) ? new MetaUsage(number, TimeSpan.Zero)
        : default;

    private static MetaUsage Higher(MetaUsage one, MetaUsage other) =>
        new(Math.Max(one.Percent, other.Percent), one.RegainAccess > other.RegainAccess ? one.RegainAccess : other.RegainAccess);
}
