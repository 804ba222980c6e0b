using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace TrackAi.Gateways.Hotmart;

/// <summary>
/// Hotmart's webhook 2.0.0, and the simple contract. Hotmart signs nothing: the account's hottok is a header, or a field of the body's root. Version
/// 1.0.0 is recognised and kept, and the seller is told what to switch.
/// </summary>
public sealed class HotmartGateway : IGateway
{
    private const string Form = "application/x-www-form-urlencoded";

    private static readonly SimpleContract Simple = new()
    {
        SignatureHeader = "x-hotmart-signature",
        OrderField = "order_id",
        BuyerField = "customer",
        AmountField = "amount",
        TimeField = "event_time",
        Statuses = SimpleContract.CommonStatuses,
    };

    public string Name => "hotmart";

    public IReadOnlyList<string> Amounts => PurchaseEvent.Amounts;

    /// <summary>Version 1.0.0 may come as a form.</summary>
    public bool Takes(string mediaType) => mediaType == Form;

    // https://developers.hotmart.com/docs/en/2.0.0/webhook/about-webhook: X-HOTMART-HOTTOK.
    public bool Verify(WebhookDelivery delivery, string secret) =>
        IsSimple(delivery)
            ? Simple.Verify(delivery, secret)
            : Secret.Equals(secret, delivery.Header("X-HOTMART-HOTTOK")) || Secret.Equals(secret, HottokInBody(delivery));

    public Translation Translate(WebhookDelivery delivery) =>
        IsSimple(delivery) ? Simple.Translate(delivery)
        : delivery.Json is { ValueKind: JsonValueKind.Object } root && root.At("data") is not null
            ? PurchaseEvent.Translate(root, delivery.Amount)
        : IsVersion1(delivery)
            ? new Translation.NotUnderstood(
                "version 1.0.0 of Hotmart's webhook: switch it to 2.0.0 (Ferramentas, Webhook, Versão 2.0.0) and send this event again from the history"
            )
        : new Translation.NotUnderstood("it has no data");

    // By its body: an order of our names is the simple contract whatever headers come with it.
    private static bool IsSimple(WebhookDelivery delivery) =>
        HottokInBody(delivery) is null
        && (delivery.Header("X-HOTMART-HOTTOK").Length == 0 || delivery.Json?.At(Simple.OrderField) is not null)
        && (delivery.Json is not { ValueKind: JsonValueKind.Object } root || (root.At("data") is null && root.At("event") is null));

    private static string? HottokInBody(WebhookDelivery delivery) =>
        delivery.Json is { ValueKind: JsonValueKind.Object } root ? root.Text("hottok") : FormField(delivery, "hottok");

    private static bool IsVersion1(WebhookDelivery delivery) =>
        delivery.Json is { ValueKind: JsonValueKind.Object } root
            ? root.Text("transaction") is not null || root.Text("prod") is not null
            : FormField(delivery, "transaction") is not null || FormField(delivery, "prod") is not null;

    private static string? FormField(WebhookDelivery delivery, string name) =>
        delivery.Json is null && QueryHelpers.ParseQuery(Encoding.UTF8.GetString(delivery.Body.Span)).TryGetValue(name, out var values)
            ? values.ToString().Trim() is { Length: > 0 } value
                ? value
                : null
            : null;
}
