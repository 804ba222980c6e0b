using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TrackAi.Gateways.Kiwify;

/// <summary>
/// Kiwify's webhook, and the simple contract. Kiwify signs the body's bytes with HMAC-SHA-1 under the webhook's token, in the query; some deliveries
/// come wrapped in <c>order</c>, signed over what is inside.
/// </summary>
public sealed class KiwifyGateway : IGateway
{
    private static readonly SimpleContract Simple = new()
    {
        SignatureHeader = "x-kiwify-signature",
        OrderField = "purchase_id",
        BuyerField = "buyer",
        AmountField = "value",
        TimeField = "created_at",
        Statuses = SimpleContract.CommonStatuses,
    };

    public string Name => "kiwify";

    public IReadOnlyList<string> Amounts => OrderEvent.Amounts;

    public bool Verify(WebhookDelivery delivery, string secret)
    {
        if (IsSimple(delivery))
            return Simple.Verify(delivery, secret);
        var signature = delivery.Parameter("signature").Trim();
        if (IsSigned(delivery.Body.Span, secret, signature))
            return true;
        if (WrappedOrder.In(delivery.Body) is not { } order || !IsSigned(order.Span, secret, signature))
            return false;
        delivery.Note("signature: of the object in 'order', not of the whole body");
        return true;
    }

    // What is outside of the order may be unsigned: only what is inside is read.
    public Translation Translate(WebhookDelivery delivery) =>
        IsSimple(delivery) ? Simple.Translate(delivery)
        : (WrappedOrder.In(delivery.Body) is { } order ? delivery.Part(order) : delivery).Json is { ValueKind: JsonValueKind.Object } root
            ? OrderEvent.Translate(root, delivery.Amount)
        : new Translation.NotUnderstood("the body is no JSON object");

    // https://docs.kiwify.com.br/api-reference/webhooks: hex HMAC-SHA1 over the raw body. A webhook without a token is signed with an empty key,
    // which proves nothing.
    private static bool IsSigned(ReadOnlySpan<byte> content, string secret, string signature) =>
        secret.Length > 0
        && signature.Length == 40
#pragma warning disable CA5350 // Kiwify's choice; HMAC-SHA1 is not broken by collisions.
        && Secret.Equals(Convert.ToHexStringLower(HMACSHA1.HashData(Encoding.UTF8.GetBytes(secret), content)), signature);
#pragma warning restore CA5350

    private static bool IsSimple(WebhookDelivery delivery) =>
        delivery.Parameter("signature").Length == 0
        && (
            delivery.Json is not { ValueKind: JsonValueKind.Object } root
            || root.At("purchase_id") is not null
            || root.At("buyer") is not null
            || delivery.Header(Simple.SignatureHeader).Length > 0
        );
}
