using TrackAi.Contracts;

namespace TrackAi.Analytics.Tests;

/// <summary>Events as the other modules append them.</summary>
internal static class Facts
{
    public const string Pixel = "1234567890";

    /// <summary>Noon in São Paulo.</summary>
    public static readonly DateTimeOffset Noon = new(2025, 11, 20, 15, 0, 0, TimeSpan.Zero);

    private static readonly Identifiers Nothing = new(false, false, false, false, false, false);

    public static TenantAdded Tenant(string slug, string timeZone) => new(slug, "Loja", timeZone, Noon.AddDays(-100));

    public static ClickCaptured Click(string id, DateTimeOffset? at = null, Campaign? campaign = null) =>
        new(id, campaign ?? Campaign.None, Nothing with { Fbclid = true }, at ?? Noon, "sealed");

    public static PageviewCaptured Pageview(Guid id, DateTimeOffset? at = null) =>
        new(id, null, Campaign.None, Nothing, "curso", null, at ?? Noon, "sealed");

    public static CheckoutInitiated Checkout(Guid id, DateTimeOffset? at = null) =>
        new(id, null, Campaign.None, Nothing with { Email = true }, "curso", new Money(97m, "BRL"), at ?? Noon, "sealed");

    public static ConversionReceived Received(
        string tenant,
        string order,
        PaymentState state = PaymentState.Approved,
        decimal amount = 197m,
        string currency = "BRL",
        string gateway = "hotmart",
        DateTimeOffset? at = null,
        ConversionKind kind = ConversionKind.Sale
    ) =>
        new(
            $"{gateway}-{order}",
            gateway,
            order,
            Ids.EventId(tenant, gateway, order, "Purchase"),
            kind,
            state,
            new Money(amount, currency),
            "curso",
            null,
            Campaign.None with
            {
                UtmSource = "facebook",
            },
            Nothing with
            {
                Email = true,
            },
            at ?? Noon,
            at ?? Noon,
            "APPROVED",
            $"delivery-{order}",
            ["phone: dropped, it is not valid"],
            "sealed"
        );

    public static ConversionStateChanged Changed(ConversionReceived sale, PaymentState from, PaymentState to, decimal? amount = null) =>
        new(
            sale.ConversionId,
            sale.Gateway,
            from,
            to,
            sale.Value with
            {
                Amount = amount ?? sale.Value.Amount,
            },
            sale.OccurredAt.AddHours(1),
            sale.ReceivedAt.AddHours(1),
            $"{to}",
            "delivery-2",
            "sealed"
        );

    public static ConversionMatched Matched(ConversionReceived sale, string click = "tk1_abc", MatchRule rule = MatchRule.Fbp) =>
        new(
            sale.ConversionId,
            sale.Gateway,
            click,
            rule,
            0.85,
            1,
            sale.OccurredAt.AddHours(-2),
            sale.OccurredAt.AddDays(-7),
            [
                new(MatchRule.ClickToken, "no_identifier", 0),
                new(MatchRule.Fbclid, "not_found", 0),
                new(MatchRule.Fbc, "outside_window", 1),
                new(MatchRule.Fbp, "matched", 2),
                new(MatchRule.EmailHash, "not_needed", 1),
                new(MatchRule.PhoneHash, "no_identifier", 0),
            ],
            [
                new("tk1_old", MatchRule.Fbc, sale.OccurredAt.AddDays(-20), "outside_window"),
                new(click, MatchRule.Fbp, sale.OccurredAt.AddHours(-2), "won"),
                new("tk1_before", MatchRule.Fbp, sale.OccurredAt.AddHours(-5), "older_touch"),
            ],
            sale.ReceivedAt
        );

    public static ConversionUnmatched Unmatched(ConversionReceived sale) =>
        new(
            sale.ConversionId,
            sale.Gateway,
            "no_click_found",
            1,
            sale.OccurredAt.AddDays(-7),
            [new(MatchRule.EmailHash, "not_found", 0)],
            [],
            sale.ReceivedAt
        );

    public static DispatchRequested Requested(ConversionReceived sale, string pixel = Pixel, string name = "Purchase") =>
        new(sale.ConversionId, sale.Gateway, $"{sale.EventId}/{name}/{pixel}", sale.EventId, name, pixel, null, sale.ReceivedAt);

    public static DispatchSkipped Skipped(ConversionReceived sale, string reason = "no_pixel", string name = "Purchase") =>
        new(sale.ConversionId, sale.Gateway, name, reason, sale.ReceivedAt);

    public static DispatchSucceeded Sent(DispatchRequested dispatch, int attempt = 1, double latency = 48) =>
        new(
            dispatch.ConversionId,
            dispatch.Gateway,
            dispatch.DispatchId,
            dispatch.PixelId,
            attempt,
            200,
            "trace-1",
            latency,
            [],
            dispatch.RequestedAt.AddSeconds(attempt)
        );

    public static DispatchFailed Failed(DispatchRequested dispatch, int attempt = 1, int? http = 500) =>
        new(
            dispatch.ConversionId,
            dispatch.Gateway,
            dispatch.DispatchId,
            dispatch.PixelId,
            attempt,
            http,
            http is null ? "no_answer" : "transient",
            http is null ? null : 2,
            null,
            "Service temporarily unavailable",
            "trace-2",
            120,
            dispatch.RequestedAt.AddMinutes(attempt),
            dispatch.RequestedAt.AddSeconds(attempt)
        );

    public static DispatchDeadLettered Dead(DispatchRequested dispatch, int attempt = 2, int? http = 400) =>
        new(
            dispatch.ConversionId,
            dispatch.Gateway,
            dispatch.DispatchId,
            dispatch.PixelId,
            attempt,
            http,
            http is null ? "invalid_event" : "permanent",
            http is null ? null : 100,
            http is null ? null : 2804003,
            "Invalid parameter",
            null,
            http is null ? 0 : 80,
            dispatch.RequestedAt.AddSeconds(attempt)
        );
}
