using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <inheritdoc/>
internal sealed class SettingsHistory(PostgresEventStore store) : ISettingsHistory
{
    private static readonly string[] NotFacts = ["digest", "slug"];

    public async Task<IReadOnlyList<SettingsChange>> ReadAsync(string tenant, CancellationToken cancellationToken = default) =>
        [
            .. (await store.ReadStreamAsync(new StreamId(tenant, Streams.Tenant(tenant)), cancellationToken))
                .Reverse()
                .Select(recorded => new SettingsChange(
                    recorded.Version,
                    recorded.Type,
                    Facts(recorded.Json),
                    recorded.CausationId,
                    recorded.Timestamp
                )),
        ];

    // Settings are small and flat; when they were set is the event's own time.
    private static List<KeyValuePair<string, string>> Facts(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        return
        [
            .. document
                .RootElement.EnumerateObject()
                .Where(fact =>
                    !fact.Name.EndsWith("At", StringComparison.Ordinal)
                    && !NotFacts.Contains(fact.Name, StringComparer.Ordinal)
                    && fact.Value.ValueKind != JsonValueKind.Null
                )
                .Select(fact => new KeyValuePair<string, string>(
                    fact.Name,
                    fact.Value.ValueKind == JsonValueKind.Array
                        ? string.Join(", ", fact.Value.EnumerateArray().Select(one => one.ToString()))
                        : fact.Value.ToString()
                )),
        ];
    }
}
