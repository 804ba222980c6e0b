using System.Security.Cryptography;
using System.Text;
using TrackAi.Gateways.Stripe;

namespace TrackAi.Gateways.Tests.Stripe;

/// <summary>Stripe's signature scheme, as Stripe makes it and as our gateway judges it.</summary>
internal static class Signatures
{
    public static string V1(long timestamp, string payload, string secret) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{timestamp}.{payload}")));

    public static bool Verify(string header, string payload, string secret, long receivedAt) =>
        new StripeGateway().Verify(
            new WebhookDelivery(
                Encoding.UTF8.GetBytes(payload),
                new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["Stripe-Signature"] = header },
                new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
                DateTimeOffset.FromUnixTimeSeconds(receivedAt)
            ),
            secret
        );
}
