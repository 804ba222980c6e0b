namespace TrackAi.Analytics.Http;

internal static class Figures
{
    /// <summary>Null when there is nothing to be a share of.</summary>
    public static decimal? Percent(long part, long whole) => whole == 0 ? null : Math.Round(100m * part / whole, 2);
}
