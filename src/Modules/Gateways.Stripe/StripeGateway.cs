using System.Text.Json;

namespace TrackAi.Gateways.Stripe;

/// <summary>
/// Stripe's event objects. One sale is told by several of them in any order: they join on the PaymentIntent, a subscription's on the invoice. There
/// is no simple contract: Stripe's own is signed well.
/// </summary>
public sealed class StripeGateway : IGateway
{
    public string Name => "stripe";

    public bool Verify(WebhookDelivery delivery, string secret) =>
        StripeSignature.Verify(delivery.Header("Stripe-Signature"), delivery.Body.Span, secret, delivery.ReceivedAt);

    public Translation Translate(WebhookDelivery delivery) =>
        delivery.Json is { ValueKind: JsonValueKind.Object } root
            ? root.Text("object") switch
            {
                "event" => StripeEvent.Translate(root),
                // Carries no object: https://docs.stripe.com/event-destinations#thin-events.
                "v2.core.event" => new Translation.NoSale(
                    "thin_event",
                    "a thin event carries nothing to read: choose snapshot events in the destination's settings"
                ),
                _ => new Translation.NotUnderstood("object is not 'event'"),
            }
            : new Translation.NotUnderstood("the body is no JSON object");
}
