namespace TrackAi.Contracts;

/// <summary>Which amounts a gateway's deliveries tell. Implemented by Gateways.</summary>
public interface IGatewayAmounts
{
    /// <summary>By the gateway's own words, the usual one first; none for an unknown gateway.</summary>
    IReadOnlyList<string> Of(string gateway);
}
