using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <inheritdoc/>
internal sealed class SettingsHistory(PostgresEventStore store) : ISettingsHistory
{
    private static readonly string[] NotFacts = ["digest", "slug", "by"];

    // What is switched for the whole installation is switched for the tenant, too.
    public async Task<IReadOnlyList<SettingsChange>> ReadAsync(string tenant, CancellationToken cancellationToken = default) =>
        [
            .. (await ReadAsync(new StreamId(tenant, Streams.Tenant(tenant)), isForAll: false, cancellationToken))
                .Concat(await ReadAsync(new StreamId(Streams.NoTenant, Streams.Flags), isForAll: true, cancellationToken))
                .Concat(await ReadAsync(new StreamId(Streams.NoTenant, Streams.MatchRules), isForAll: true, cancellationToken))
                .OrderByDescending(change => change.Sequence),
        ];

    private async Task<IEnumerable<SettingsChange>> ReadAsync(StreamId stream, bool isForAll, CancellationToken cancellationToken) =>
        (await store.ReadStreamAsync(stream, cancellationToken)).Select(recorded => new SettingsChange(
            recorded.Sequence,
            recorded.Type,
            Facts(recorded.Json),
            recorded.CausationId ?? (recorded.Data as MatchRulesActivated)?.By,
            recorded.Timestamp,
            isForAll
        ));

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
                .Select(fact => new KeyValuePair<string, string>(fact.Name, TextOf(fact.Value))),
        ];
    }

    // Rules of matching go by their name; all of them are in the event.
    private static string TextOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(one => one.ToString())),
            JsonValueKind.Object when value.TryGetProperty("name", out var name) => name.ToString(),
            _ => value.ToString(),
        };
}
