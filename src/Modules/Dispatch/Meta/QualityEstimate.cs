using TrackAi.Contracts;

namespace TrackAi.Dispatch;

/// <summary>
/// How well Meta can tell whose event it is, before Meta says so. Meta publishes what counts and in which order, not how much; these weights are ours,
/// and what they are for is comparing events and finding what is worth adding.
/// </summary>
internal static class QualityEstimate
{
    private const int MostSuggestions = 3;

    // An address without a browser, or half a name, tells little.
    private static readonly IReadOnlyList<(double Weight, string[] Together)> Identifiers =
    [
        (2.5, ["em"]),
        (2.0, ["fbc"]),
        (1.5, ["ph"]),
        (1.0, ["fbp"]),
        (1.0, ["client_ip_address", "client_user_agent"]),
        (0.75, ["external_id"]),
        (0.5, ["fn", "ln"]),
        (0.5, ["ct", "zp"]),
        (0.25, ["db"]),
    ];

    public static MatchQuality Of(CapiUserData user)
    {
        var carries = user
            .Lists.Where(list => list.Values.Count > 0)
            .Select(list => list.Name)
            .Concat(user.Texts.Where(text => !string.IsNullOrEmpty(text.Value)).Select(text => text.Name))
            .ToArray();
        return new MatchQuality(
            Math.Round(Identifiers.Where(one => Array.TrueForAll(one.Together, carries.Contains)).Sum(one => one.Weight), 2),
            carries,
            [
                .. Identifiers
                    .SelectMany(one => one.Together.Where(name => !carries.Contains(name, StringComparer.Ordinal)))
                    .Take(MostSuggestions),
            ]
        );
    }
}
