namespace TrackAi.Contracts;

/// <summary>
/// Where a visitor came from, in the words of the ad. Nothing in it names a person: values that look like an e-mail address or a phone
/// number are dropped before they get here.
/// </summary>
public sealed record Campaign(
    string? UtmSource,
    string? UtmMedium,
    string? UtmCampaign,
    string? UtmContent,
    string? UtmTerm,
    string? Src,
    string? Sck,
    string? Xcod
)
{
    public static readonly Campaign None = new(null, null, null, null, null, null, null, null);

    /// <summary>The same with everything dropped that may name a person: see <see cref="CampaignText"/>.</summary>
    public Campaign Cleaned() =>
        new(
            CampaignText.Clean(UtmSource),
            CampaignText.Clean(UtmMedium),
            CampaignText.Clean(UtmCampaign),
            CampaignText.Clean(UtmContent),
            CampaignText.Clean(UtmTerm),
            CampaignText.Clean(Src),
            CampaignText.Clean(Sck),
            CampaignText.Clean(Xcod)
        );

    /// <summary>Each field with its name in a link, in the order in which people are told of them.</summary>
    public IReadOnlyList<(string Name, string? Value)> Fields() =>
        [
            ("utm_source", UtmSource),
            ("utm_medium", UtmMedium),
            ("utm_campaign", UtmCampaign),
            ("utm_content", UtmContent),
            ("utm_term", UtmTerm),
            ("src", Src),
            ("sck", Sck),
            ("xcod", Xcod),
        ];
}

/// <summary>Which identifiers a visitor's browser brought, so that reports can count them without opening anything.</summary>
public sealed record Identifiers(bool Fbclid, bool Fbc, bool Fbp, bool Email, bool Phone, bool ExternalId);

/// <summary>Someone came from an ad. First and only event of stream <c>click-{id}</c>.</summary>
/// <param name="ClickId">The click token, <see cref="ClickToken"/>.</param>
/// <param name="Protected">The visitor, encrypted under the stream's key.</param>
public sealed record ClickCaptured(string ClickId, Campaign Campaign, Identifiers Has, DateTimeOffset OccurredAt, string Protected)
{
    /// <summary>Whether the visitor agreed to be reported to ad networks; null when the page did not say.</summary>
    public bool? Consent { get; init; }
}

/// <summary>A page was seen. Stream <c>pageview-{id}</c>.</summary>
public sealed record PageviewCaptured(
    Guid PageviewId,
    string? ClickId,
    Campaign Campaign,
    Identifiers Has,
    string? ProductId,
    Money? Value,
    DateTimeOffset OccurredAt,
    string Protected
)
{
    /// <summary>Whether the visitor agreed to be reported to ad networks; null when the page did not say.</summary>
    public bool? Consent { get; init; }
}

/// <summary>A checkout was begun; with e-mail or phone it teaches whose click it was. Stream <c>checkout-{id}</c>.</summary>
public sealed record CheckoutInitiated(
    Guid CheckoutId,
    string? ClickId,
    Campaign Campaign,
    Identifiers Has,
    string? ProductId,
    Money? Value,
    DateTimeOffset OccurredAt,
    string Protected
)
{
    /// <summary>Whether the visitor agreed to be reported to ad networks; null when the page did not say.</summary>
    public bool? Consent { get; init; }
}
