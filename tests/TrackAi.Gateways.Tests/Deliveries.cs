using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrackAi.Gateways.Tests;

/// <summary>Deliveries as they come over the wire.</summary>
internal static class Deliveries
{
    public static readonly DateTimeOffset ReceivedAt = new(2026, 11, 5, 15, 30, 0, TimeSpan.Zero);

    public static WebhookDelivery Of(string body, params (string Name, string Value)[] headers) =>
        Of(Encoding.UTF8.GetBytes(body), headers);

    public static WebhookDelivery Of(byte[] body, params (string Name, string Value)[] headers) =>
        new(
            body,
            headers.ToDictionary(header => header.Name, header => header.Value, StringComparer.OrdinalIgnoreCase),
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
            ReceivedAt
        );

    /// <summary>A recorded payload.</summary>
    public static string Payload(string gateway, string name) =>
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, gateway, "Payloads", $"{name}.json"));

    /// <summary>A recorded payload with something in it changed.</summary>
    public static string Changed(string gateway, string name, Action<JsonObject> change)
    {
        var root = JsonNode.Parse(Payload(gateway, name))!.AsObject();
        change(root);
        return root.ToJsonString();
    }

    /// <summary>Signatures with the verdict of the gateway's own library or documentation on each.</summary>
    public static JsonElement.ArrayEnumerator SignatureVectors(string gateway) =>
        JsonElement
            .Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, gateway, "Vectors", "signatures.json")))
            .GetProperty("vectors")
            .EnumerateArray();

    public static JsonElement Json(string body) => Of(body).Json.ShouldNotBeNull();
}
