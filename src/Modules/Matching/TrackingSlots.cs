using System.Text.RegularExpressions;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>
/// What the tracking fields of a link say beside the campaign's names. Other scripts pack several values into one field and glue text to ours, so
/// everything is looked for inside every field.
/// </summary>
internal sealed partial record TrackingSlots(
    IReadOnlyList<string> ClickTokens,
    IReadOnlyList<string> Fbclids,
    IReadOnlyList<string> Fbps,
    IReadOnlyList<string> TrackingIds,
    string? AdId,
    string? UtmCampaign
)
{
    public static readonly TrackingSlots None = new([], [], [], [], null, null);

    // UTMify packs utm_source, utm_campaign, utm_medium, utm_content and utm_term into sck and xcod, joined by this.
    private const string UtmifyJoint = "hQwK21wXxR";

    public static TrackingSlots Of(Campaign? campaign)
    {
        if (campaign is null || campaign == Campaign.None)
            return None;
        var fields = (string?[])
            [
                campaign.Xcod,
                campaign.Sck,
                campaign.Src,
                campaign.UtmContent,
                campaign.UtmTerm,
                campaign.UtmSource,
                campaign.UtmCampaign,
                campaign.UtmMedium,
            ];
        var parts = fields.OfType<string>().SelectMany(field => TrackingText.Unescaped(field).Split(UtmifyJoint)).ToArray();
        var packed = Packed(campaign.Xcod) ?? Packed(campaign.Sck);
        var cookies = parts.SelectMany(part => Cookie().Matches(part).Select(match => match.Value)).ToArray();
        return new(
            Distinct(parts.SelectMany(ClickToken.AllIn)),
            Distinct(
                parts
                    .SelectMany(part => Fbclid().Matches(part).Select(match => match.Groups["id"].Value))
                    .Concat(cookies.Where(cookie => !IsBrowserCookie(cookie)).Select(Fbc.FbclidOf).OfType<string>())
            ),
            Distinct(cookies.Where(IsBrowserCookie)),
            Distinct(parts.SelectMany(part => OtherScripts().Matches(part).Select(match => match.Value))),
            AdIn(campaign.UtmContent, mayBeInText: true)
                ?? AdIn(packed?[3], mayBeInText: true)
                ?? AdIn(Named("utm_content", parts), mayBeInText: true)
                ?? AdIn(campaign.Sck)
                ?? AdIn(campaign.Xcod),
            campaign.UtmCampaign ?? packed?[1] ?? Named("utm_campaign", parts)
        );
    }

    // Our token is put before or behind what UTMify packed.
    private static string[]? Packed(string? field) =>
        field is not null
        && TrackingText.Unescaped(field).Split(UtmifyJoint).Where(part => !ClickToken.IsValid(part)).ToArray() is { Length: >= 5 } parts
            ? parts
            : null;

    // A query string whole in one field.
    private static string? Named(string name, IEnumerable<string> parts) =>
        parts
            .SelectMany(part => part.Split('?', '&', ';', '#'))
            .Where(pair => pair.StartsWith($"{name}=", StringComparison.Ordinal))
            .Select(pair => pair[(name.Length + 1)..].Trim())
            .FirstOrDefault(value => value.Length > 0);

    // {{ad.name}}|{{ad.id}}, FB|campaign|id|ad|id, or the id alone. A short number alone may be anything.
    private static string? AdIn(string? field, bool mayBeInText = false)
    {
        if (field is null)
            return null;
        var text = OwnAndOthers()
            .Replace(TrackingText.Unescaped(field), "")
            .Replace(UtmifyJoint, "")
            .TrimEnd(' ', '|', '_', '-', ',', ';', '/');
        var last = text.LastIndexOf('|');
        var id = text[(last + 1)..].Trim();
        if (id.Length <= 25 && id.Length >= (last < 0 ? 15 : 5) && id.All(char.IsAsciiDigit))
            return id;
        // With words around it: the one number that is as long as ids of ads are.
        return
            mayBeInText && LongNumber().Matches(text).Select(match => match.Value).Distinct(StringComparer.Ordinal).ToArray() is [var only]
            ? only
            : null;
    }

    // The random part of a browser's cookie is a number; that of a click's is an fbclid, which begins with letters.
    private static bool IsBrowserCookie(string cookie) => cookie.Split('.')[3].All(char.IsAsciiDigit);

    private static string[] Distinct(IEnumerable<string> values) => [.. values.Distinct(StringComparer.Ordinal)];

    // Named, or known by how Meta's begin; our token may be glued to it. One too many does no harm: no click has it.
    [GeneratedRegex(
        "(?:(?i:fbclid)[=:]|(?=(?:IwAR|IwZX|IwY2|PAZX|PAQ0|PAY2|PAAa)[A-Za-z0-9_-]{30}))(?<id>(?:(?![_-]?tk1_)[A-Za-z0-9_-]){20,})",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Fbclid();

    [GeneratedRegex(
        @"fb\.[0-9]{1,3}\.[0-9]{13}\.([0-9]{5,20}(?![A-Za-z0-9])|((?![_-]?tk1_)[A-Za-z0-9_-])+)",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Cookie();

    [GeneratedRegex("(?<![A-Za-z0-9])[0-9]{15,20}(?![A-Za-z0-9])", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LongNumber();

    [GeneratedRegex("tk1_[A-Za-z0-9]{16,17}|jLj6[0-9a-f]{24}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex OwnAndOthers();

    // UTMify's visitor (it glues jLj6 and 24 hex digits to utm_source) and xTracky's lead.
    [GeneratedRegex("jLj6[0-9a-f]{24}|TT-[0-9]{13}-[A-Za-z0-9]{4,32}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex OtherScripts();
}
