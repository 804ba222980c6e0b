using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;

namespace TrackAi.Gateways;

/// <summary>One POST from a gateway, byte for byte as it arrived: signatures cover the raw body.</summary>
public sealed class WebhookDelivery(
    ReadOnlyMemory<byte> body,
    IReadOnlyDictionary<string, string> headers,
    IReadOnlyDictionary<string, string> query,
    DateTimeOffset receivedAt
)
{
    private readonly Lazy<JsonElement?> json = new(() => Parse(body));
    private readonly List<string> notes = [];

    public ReadOnlyMemory<byte> Body { get; } = body;

    public DateTimeOffset ReceivedAt { get; } = receivedAt;

    /// <summary>Which of the gateway's amounts is the sale's value, by the connection's setting; null for the usual one.</summary>
    public string? Amount { get; init; }

    /// <summary>SHA-256 of the body in hex: the id of a delivery whose gateway gives it none.</summary>
    public string Digest => Convert.ToHexStringLower(SHA256.HashData(Body.Span));

    /// <summary>The body's root; null when it is not JSON in valid UTF-8.</summary>
    public JsonElement? Json => json.Value;

    /// <summary>What is worth telling whoever looks at the sale later: such as which rule of several proved its origin.</summary>
    public IReadOnlyList<string> Notes => notes;

    public void Note(string note)
    {
        if (!notes.Contains(note, StringComparer.Ordinal))
            notes.Add(note);
    }

    /// <summary>The same delivery with only a part of its body: what was proved, where a signature covers no more.</summary>
    public WebhookDelivery Part(ReadOnlyMemory<byte> part) => new(part, headers, query, ReceivedAt) { Amount = Amount };

    /// <summary>A header's value, empty when it is missing. Names are compared without case.</summary>
    public string Header(string name) => headers.GetValueOrDefault(name, "");

    /// <summary>A query parameter's value, empty when it is missing.</summary>
    public string Parameter(string name) => query.GetValueOrDefault(name, "");

    private static JsonElement? Parse(ReadOnlyMemory<byte> body)
    {
        if (!Utf8.IsValid(body.Span))
            return null;
        try
        {
            // A byte order mark is no JSON, and some back ends send one.
            var start = body.Span.StartsWith("\uFEFF"u8) ? 3 : 0;
            using var document = JsonDocument.Parse(body[start..]);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
