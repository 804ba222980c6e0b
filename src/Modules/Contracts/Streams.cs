namespace TrackAi.Contracts;

/// <summary>Names of streams. The tenant is Marten's tenant column, not part of the name.</summary>
public static class Streams
{
    public static string Tenant(string slug) => $"tenant-{slug}";

    public static string Click(string clickId) => $"click-{clickId}";

    public static string Pageview(Guid id) => $"pageview-{id}";

    public static string Checkout(Guid id) => $"checkout-{id}";

    public static string Conversion(string conversionId) => $"conversion-{conversionId}";

    /// <summary>The conversion whose stream this is; null for another stream.</summary>
    public static string? ConversionOf(string stream) =>
        stream.StartsWith("conversion-", StringComparison.Ordinal) ? stream["conversion-".Length..] : null;

    /// <summary>The click whose stream this is; null for another stream.</summary>
    public static string? ClickOf(string stream) =>
        stream.StartsWith("click-", StringComparison.Ordinal) ? stream["click-".Length..] : null;

    public static string ConversionId(string gateway, string order) => $"{gateway}-{order}";

    public static string Erasure(Guid id) => $"erasure-{id}";

    public static string Pixel(string pixelId) => $"pixel-{pixelId}";

    /// <summary>The rules of matching, of <see cref="NoTenant"/>.</summary>
    public const string MatchRules = "match-rules";

    /// <summary>Flags that were switched, of <see cref="NoTenant"/>.</summary>
    public const string Flags = "feature-flags";

    /// <summary>Meta as a whole, of <see cref="NoTenant"/>.</summary>
    public const string Meta = "meta";

    /// <summary>Marten's default tenant: what belongs to the installation and to no customer. No slug can be it.</summary>
    public const string NoTenant = "*DEFAULT*";

    public static string Delivery(string gateway, string deliveryId) => $"delivery-{gateway}-{deliveryId}";
}
