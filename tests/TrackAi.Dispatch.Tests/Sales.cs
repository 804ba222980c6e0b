using System.Security.Cryptography;
using System.Text;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Tests;

/// <summary>A sale and the people in it, as the tests of Meta know them.</summary>
internal static class Sales
{
    public const string Browser = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)";
    public const string Page = "https://curso.example.com.br/oferta";

    public static readonly DateTimeOffset Noon = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    public static readonly CapiSale Sale = new(
        "Purchase",
        Ids.EventId("test-tenant-001", "hotmart", "HP1", "Purchase"),
        "HP1",
        new Money(197.00m, "BRL"),
        "P-7",
        Noon.AddMinutes(-5)
    );

    public static readonly ProtectedPerson Ana = new() { Em = [Hash("ana@example.com")], Ph = [Hash("5511987654321")] };

    public static readonly CapiClick Click = new(
        new ProtectedPerson
        {
            IpAddress = "203.0.113.7",
            UserAgent = Browser,
            Fbc = "fb.1.1795000000000.IwAR2abcDEF",
            Fbp = "fb.1.1795000000000.123456789",
            EventSourceUrl = Page,
        },
        Noon.AddHours(-2)
    );

    /// <summary>Facts as the log has them, in the stream of <see cref="Sale"/>.</summary>
    public static IReadOnlyList<RecordedEvent> Recorded(IEnumerable<object> facts)
    {
        var serializer = new EventSerializer(EventTypes.All, EventTypes.Metadata);
        return
        [
            .. facts.Select(
                (fact, index) =>
                    new RecordedEvent(
                        serializer,
                        index + 1,
                        Guid.Empty,
                        new StreamId("test-tenant-001", "conversion-hotmart-HP1"),
                        index + 1,
                        EventSerializer.AliasOf(fact.GetType()),
                        serializer.Serialize(fact),
                        Noon,
                        null,
                        null
                    )
            ),
        ];
    }

    /// <summary>The sale as its gateway told it, paid.</summary>
    public static ConversionReceived Received() =>
        new(
            "hotmart-HP1",
            "hotmart",
            "HP1",
            Sale.EventId,
            ConversionKind.Sale,
            PaymentState.Approved,
            Sale.Value,
            "P-7",
            null,
            Campaign.None,
            new Identifiers(false, false, false, true, true, false),
            Sale.OccurredAt,
            Noon,
            "APPROVED",
            "1",
            [],
            ""
        );

    public static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>A sale of its own, fit to be sent at <paramref name="now"/>.</summary>
    public static CapiEvent EventOf(string order, DateTimeOffset now) =>
        CapiPayload.Build(
            Sale with
            {
                OrderId = order,
                EventId = Ids.EventId("test-tenant-001", "hotmart", order, "Purchase"),
                OccurredAt = now.AddMinutes(-5),
            },
            [Ana],
            Click,
            now
        );
}

/// <summary>A clock that stands still; timers run as ever.</summary>
internal sealed class StoppedClock(DateTimeOffset now) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => now;
}
