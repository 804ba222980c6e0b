using TrackAi.Contracts;

namespace TrackAi.Benchmarks;

/// <summary>640 bytes of JSON, as a typical sale without its protected part.</summary>
internal static class SampleEvent
{
    private static readonly Guid SomeEvent = new("0c04714c-201e-5615-825c-4c86555c5387");

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
}
