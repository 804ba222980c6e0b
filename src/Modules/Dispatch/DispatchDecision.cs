using TrackAi.Contracts;

namespace TrackAi.Dispatch;

/// <summary>
/// Whether a conversion goes to Meta: one Purchase per economic sale and pixel, once it is paid and its click has been looked for, whatever the
/// order and number of deliveries. Pure.
/// </summary>
internal static class DispatchDecision
{
    public const string Purchase = "Purchase";

    /// <summary>Passes when its tenant has a pixel in time: see <see cref="Revive"/>.</summary>
    public const string NoPixel = "no_pixel";

    /// <returns><see cref="DispatchRequested"/> for each pixel, one <see cref="DispatchSkipped"/>, or nothing while it is not time.</returns>
    /// <param name="sendsRenewals">Whether its funnel wants renewals sent.</param>
    /// <param name="refusal">Why Meta would refuse what is known of the person; null when it would not.</param>
    public static IReadOnlyList<object> Decide(
        ConversionToDispatch conversion,
        IReadOnlyList<string> pixels,
        bool sendsRenewals,
        string? refusal,
        DateTimeOffset now
    )
    {
        if (conversion is not { Received: { } received, WasApproved: true, IsDecided: true, MayBeDecided: true })
            return [];
        if (received.Kind == ConversionKind.Test)
            return [Skipped("test")];
        if (conversion.IsErased)
            return [Skipped("erased")];
        if (conversion.Consent == false)
            return [Skipped("no_consent")];
        if (received.Kind == ConversionKind.Renewal && !sendsRenewals)
            return [Skipped("renewal")];
        if (now - conversion.PaidAt > CapiPayload.LongestAge)
            return [Skipped(EventValidation.TooOld)];
        if (EventValidation.CheckMoney(conversion.Approval?.Value ?? received.Value).FirstOrDefault() is { } invalid)
            return [Skipped(invalid)];
        // Said already: the click that was found since brought nothing that Meta could know anybody by.
        if (refusal is not null)
            return refusal == conversion.SkipReason ? [] : [Skipped(refusal)];
        if (pixels.Count == 0)
            return [Skipped(NoPixel)];

        return
        [
            .. pixels.Select(pixel => new DispatchRequested(
                received.ConversionId,
                received.Gateway,
                $"{received.EventId}/{pixel}",
                received.EventId,
                Purchase,
                pixel,
                conversion.ClickId,
                now
            )),
        ];

        DispatchSkipped Skipped(string reason) => new(received.ConversionId, received.Gateway, Purchase, reason, now);
    }

    /// <summary>A sale that was skipped for want of a pixel and has one now. One that was given back in the meantime is not told to Meta any more.</summary>
    /// <returns>As <see cref="Decide"/>, or nothing where it is not such a sale; never another skip.</returns>
    public static IReadOnlyList<object> Revive(ConversionToDispatch conversion, IReadOnlyList<string> pixels, DateTimeOffset now) =>
        conversion is { SkipReason: NoPixel, State: PaymentState.Approved }
            // A renewal that its funnel does not send was skipped for that.
            ?
            [
                .. Decide(conversion with { SkipReason = null }, pixels, sendsRenewals: true, refusal: null, now)
                    .OfType<DispatchRequested>(),
            ]
            : [];
}
