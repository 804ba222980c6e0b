using System.Collections.Frozen;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>The gateways there are, by name.</summary>
internal sealed class GatewayRegistry(IEnumerable<IGateway> gateways) : IGatewayAmounts
{
    private readonly FrozenDictionary<string, IGateway> byName = gateways.ToFrozenDictionary(
        gateway => gateway.Name,
        StringComparer.Ordinal
    );

    public IEnumerable<string> Names => byName.Keys.Order(StringComparer.Ordinal);

    public IGateway? Find(string name) => byName.GetValueOrDefault(name);

    public IReadOnlyList<string> Of(string gateway) => Find(gateway)?.Amounts ?? [];
}
