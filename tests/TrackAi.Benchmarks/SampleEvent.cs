using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Benchmarks;

/// <summary>Events to append, import and load. What one costs grows with what is in it.</summary>
internal static class SampleEvent
{
    private static readonly Guid SomeEvent = new("0c04714c-201e-5615-825c-4c86555c5387");

    /// <summary>
    /// One of the largest that there are, one of the size that others' figures are told for (docs/performance.md), and one of the smallest, by name and size of their JSON.
    /// </summary>
    public static IReadOnlyList<(string Name, object Data)> Kinds { get; } =
    [
        Named("sale", Of("sample")),
        Named("organic", Of("sample") with { Campaign = Campaign.None }),
        Named("short", new DeliveryAcknowledged("perfectpay", "5f70bf18a0860070", "abandoned_cart", "no_sale", DateTimeOffset.UnixEpoch)),
    ];

    /// <summary>A typical sale without its protected part.</summary>
    public static ConversionReceived Of(string order) =>
        new(
            $"perfectpay-{order}",
            "perfectpay",
            order,
            SomeEvent,
            ConversionKind.Sale,
            PaymentState.Approved,
            new Money(197.00m, "BRL"),
            "PPPB0AQX",
            "tk1_aAE7MHySyXyfCx4JJ",
            new Campaign("FB", "conjunto-b", "violao-quente|120210998877660012", "carrossel-1|120210998877660102", null, null, null, null),
            new Identifiers(false, true, true, true, true, false),
            DateTimeOffset.UnixEpoch,
            DateTimeOffset.UnixEpoch,
            "approved",
            "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
            [],
            new string('x', 64)
        );

    private static (string, object) Named(string name, object data) =>
        ($"{name}, {new EventSerializer(EventTypes.All).Serialize(data).Length} bytes", data);
}
