using System.Diagnostics.Metrics;

namespace TrackAi.Gateways;

internal static class GatewayMetrics
{
    public const string Name = "TrackAi.Gateways";

    private static readonly Meter Meter = new(Name);

    /// <summary>Tags: gateway, outcome.</summary>
    public static readonly Counter<long> Deliveries = Meter.CreateCounter<long>(
        "trackai.webhook.deliveries",
        "{delivery}",
        "Webhook deliveries by outcome."
    );
}
