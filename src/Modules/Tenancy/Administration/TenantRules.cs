using System.Net;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>What each field of a tenant may hold, and what to do when it does not.</summary>
internal sealed class TenantRules(IReadOnlyCollection<string>? gateways, IGatewayAmounts? amounts = null)
{
    private const int LongestText = 200;

    public static string Slug(string slug) =>
        TenantSlug.IsValid(slug)
            ? slug
            : throw Invalid(
                "slug",
                $"The slug '{slug}' is not valid: use lower-case letters, digits and hyphens, a letter or digit first, 63 at most"
                    + (TenantSlug.From(slug) is { } suggestion ? $", such as '{suggestion}'." : ".")
            );

    public static string FunnelId(string id) =>
        TenantSlug.IsValid(id)
            ? id
            : throw Invalid(
                "funnel",
                $"The funnel id '{id}' is not valid: use lower-case letters, digits and hyphens, a letter or digit first, 63 at most"
                    + (TenantSlug.From(id) is { } suggestion ? $", such as '{suggestion}'." : ".")
            );

    public static string Name(string name) =>
        name.Trim() is { Length: > 0 and <= LongestText } trimmed
            ? trimmed
            : throw Invalid("name", $"The name must have 1 to {LongestText} characters; give one.");

    public static IReadOnlyList<string> Scopes(IReadOnlyCollection<string> scopes) =>
        scopes.Count > 0 && scopes.All(scope => ApiKeyScopes.All.Contains(scope, StringComparer.Ordinal))
            ? [.. scopes.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]
            : throw Invalid("scopes", $"Give one or more of {string.Join(", ", ApiKeyScopes.All)}.");

    public static string TimeZone(string timeZone) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out _) && IsIanaName(timeZone)
            ? timeZone
            : throw Invalid("time_zone", $"The time zone '{timeZone}' is unknown; give an IANA name, such as America/Sao_Paulo.");

    public string Gateway(string gateway)
    {
        var name = gateway.Trim().ToLowerInvariant();
        if (gateways is null ? TenantSlug.IsValid(name) : gateways.Contains(name, StringComparer.Ordinal))
            return name;
        var known = gateways is null ? "a short lower-case name" : $"one of {string.Join(", ", gateways.Order(StringComparer.Ordinal))}";
        throw Invalid("gateway", $"The gateway '{gateway}' is unknown; give {known}.");
    }

    public string Amount(string gateway, string amount)
    {
        var known = amounts?.Of(gateway) ?? [];
        return known.Contains(amount, StringComparer.Ordinal)
            ? amount
            : throw Invalid(
                "amount",
                known.Count == 0
                    ? $"{gateway} tells one amount only; there is nothing to choose."
                    : $"{gateway} tells no amount '{amount}'; give one of {string.Join(", ", known)}."
            );
    }

    public static string? ProductId(string? productId) =>
        productId is null or { Length: > 0 and <= LongestText }
            ? productId
            : throw Invalid("product", $"The product id must have 1 to {LongestText} characters; leave it out for any product.");

    public static string PixelId(string pixelId) =>
        pixelId is { Length: > 0 and <= 32 } && pixelId.All(char.IsAsciiDigit)
            ? pixelId
            : throw Invalid("pixel", $"The pixel id '{pixelId}' is not valid; give the digits that Meta's Events Manager shows.");

    public static string Secret(string secret) => Sealed(secret, "secret", "give the one that the gateway shows");

    public static string Token(string token) => Sealed(token, "token", "give the access token that Meta's Events Manager made");

    public static string? TestEventCode(string? code) =>
        code is null || (code.Length <= LongestText && code.All(char.IsAsciiLetterOrDigit))
            ? code
            : throw Invalid(
                "test_event_code",
                "The test event code is not valid; give the letters and digits that Meta's Events Manager shows."
            );

    /// <summary>Meta knows one option. A country without a state, or the other way round, is no place; 0 and 0 let Meta look it up.</summary>
    public static TenantDataProcessingSet DataProcessing(DataProcessing? processing, DateTimeOffset now)
    {
        if (processing is null)
            return new TenantDataProcessingSet([], null, null, now);
        if (processing.Options is not ["LDU"])
            throw Invalid("data_processing", "Meta knows the data processing option LDU only; give it, or none.");
        if (processing.Country < 0 || processing.State < 0 || processing.Country == 0 != (processing.State == 0))
            throw Invalid(
                "data_processing",
                "Give Meta's numbers of a country and its state, such as 1 and 1000 for California, or leave both out to have Meta look it up."
            );
        return new TenantDataProcessingSet(processing.Options, processing.Country, processing.State, now);
    }

    public static TimeSpan Overlap(TimeSpan overlap) =>
        overlap >= TimeSpan.Zero
            ? overlap
            : throw Invalid("overlap", "The overlap must not be negative; give 0 to end the old secret at once.");

    /// <summary>Ranges in canonical form, each once.</summary>
    public static IReadOnlyList<string> Networks(IReadOnlyCollection<string> networks) =>
        [.. networks.Select(Network).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Origins as browsers write them, each once.</summary>
    public static IReadOnlyList<string> Origins(IReadOnlyCollection<string> origins) =>
        [.. origins.Select(Origin).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    // A star may stand for the sub-domains: https://*.shop.example.
    private static string Origin(string text)
    {
        var trimmed = text.Trim();
        var star = trimmed.Contains("://*.", StringComparison.Ordinal);
        var plain = star ? trimmed.Replace("://*.", "://", StringComparison.Ordinal) : trimmed;
        return
            Uri.TryCreate(plain, UriKind.Absolute, out var uri)
            && uri.Scheme is "https" or "http"
            && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "", Host.Length: > 0 }
            && !uri.IdnHost.Contains('*', StringComparison.Ordinal)
            ? $"{uri.Scheme}://{(star ? "*." : "")}{uri.IdnHost}{(uri.IsDefaultPort ? "" : $":{uri.Port}")}"
            : throw Invalid(
                "origin",
                $"'{text}' is no origin; give scheme and host, such as https://shop.example or https://*.shop.example."
            );
    }

    private static string Network(string text)
    {
        var trimmed = text.Trim();
        if (trimmed.Contains('/', StringComparison.Ordinal) && IPNetwork.TryParse(trimmed, out var network))
            return network.ToString();
        if (IPAddress.TryParse(trimmed, out var address) && IsWrittenOut(trimmed, address))
            return $"{address}/{address.GetAddressBytes().Length * 8}";
        throw Invalid(
            "allow",
            $"'{text}' is no address range; give CIDR, such as 203.0.113.0/24 or 2001:db8::/32, with no bit set after the prefix, or one address."
        );
    }

    // IPAddress reads "10" as 0.0.0.10; nobody means that.
    private static bool IsWrittenOut(string text, IPAddress address) =>
        address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 || text == address.ToString();

    // .NET also finds Windows' own names; Postgres does not.
    private static bool IsIanaName(string timeZone) => timeZone == "UTC" || !TimeZoneInfo.TryConvertWindowsIdToIanaId(timeZone, out _);

    private static string Sealed(string value, string field, string remedy) =>
        value switch
        {
            "" => throw Invalid(field, $"The {field} is empty; {remedy}."),
            _ when value.Trim().Length != value.Length => throw Invalid(
                field,
                $"The {field} begins or ends with white space, often a line break that came along; give it without."
            ),
            _ => value,
        };

    private static TenantChangeRefusedException Invalid(string field, string message) => new(TenantRefusal.Invalid, field, message);
}
