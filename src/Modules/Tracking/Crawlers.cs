using System.Text.RegularExpressions;

namespace TrackAi.Tracking;

/// <summary>
/// Programs that say of themselves that they are no visitor: search engines, link previews (Meta's own among them), page monitors. They follow ads'
/// links and would be counted as clicks. Who hides is not found here.
/// </summary>
internal static partial class Crawlers
{
    public static bool IsOne(string userAgent) => userAgent.Length > 0 && Names().IsMatch(userAgent);

    // CUBOT is a make of telephones.
    [GeneratedRegex(
        "(?<!cu)bot(?![a-z])|crawl|spider|slurp|facebookexternalhit|meta-external|lighthouse|pagespeed|inspectiontool|pingdom|preview",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex Names();
}
