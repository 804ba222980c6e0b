using TrackAi.Contracts;

namespace TrackAi.Dashboard.Figures;

/// <summary>Something that costs sales and can be mended.</summary>
/// <param name="Sales">How many sales it is about; the worst comes first.</param>
/// <param name="English">With places for <paramref name="Values"/>.</param>
/// <param name="Where">The page that helps, below the tenant's.</param>
internal sealed record Advice(long Sales, string English, IReadOnlyList<object?> Values, string Where)
{
    private const int FewestSales = 5;
    private const decimal TooManyUnmatchedPct = 30;

    /// <summary>Ranked. Pure.</summary>
    public static IReadOnlyList<Advice> Of(IEnumerable<FigureCell> cells, IReadOnlyList<PixelCondition> pixels, TenantDetails settings)
    {
        var real = cells.Where(cell => cell.Kind != "test").ToArray();
        return
        [
            .. Unmatched(real, settings.Funnels)
                .Concat(Dead(real))
                .Concat(NoPixel(real))
                .Concat(Paused(pixels))
                .Concat(Tokens(pixels))
                .Concat(Missing(settings))
                .OrderByDescending(advice => advice.Sales),
        ];
    }

    // Who has one product line only is told more by its gateways.
    private static IEnumerable<Advice> Unmatched(IReadOnlyList<FigureCell> cells, IReadOnlyList<FunnelInfo> funnels)
    {
        var names = funnels.Count > 1 ? funnels.ToDictionary(funnel => funnel.FunnelId, funnel => funnel.Name, StringComparer.Ordinal) : [];
        return from place in cells
                .Where(cell => cell.Match != "undecided")
                .GroupBy(cell => names.GetValueOrDefault(cell.FunnelId, cell.Gateway), StringComparer.Ordinal)
            let decided = place.Sum(cell => cell.Conversions)
            let unmatched = place.Where(cell => cell.Match == "unmatched").Sum(cell => cell.Conversions)
            where decided >= FewestSales && 100m * unmatched / decided >= TooManyUnmatchedPct
            select new Advice(
                unmatched,
                "Checkout links of {0} seem not to be decorated: {1} % of its sales are unmatched. Put the snippet on every page that links to a checkout.",
                [place.Key, Math.Round(100m * unmatched / decided)],
                "settings"
            );
    }

    private static IEnumerable<Advice> Dead(IReadOnlyList<FigureCell> cells) =>
        from reason in cells.Where(cell => cell.Status == "dead").GroupBy(cell => cell.Reason, StringComparer.Ordinal)
        let count = reason.Sum(cell => cell.Conversions)
        select new Advice(
            count,
            "{0} sales were given up ({1}). Look at what Meta said, mend it, and send them again.",
            [count, reason.Key],
            "dead-letters"
        );

    private static IEnumerable<Advice> NoPixel(IReadOnlyList<FigureCell> cells)
    {
        var count = cells.Where(cell => cell is { Status: "skipped", Reason: "no_pixel" }).Sum(cell => cell.Conversions);
        return count == 0
            ? []
            :
            [
                new Advice(
                    count,
                    "{0} sales went nowhere because no pixel is set. Those of the last seven days are sent once one is.",
                    [count],
                    "settings"
                ),
            ];
    }

    private static IEnumerable<Advice> Paused(IReadOnlyList<PixelCondition> pixels) =>
        pixels
            .Where(pixel => pixel.State == "paused")
            .Select(pixel => new Advice(
                Math.Max(1, pixel.Waiting),
                "Pixel {0} is paused ({1}) and {2} sales wait for it. Set a new token.",
                [pixel.PixelId, pixel.Reason, pixel.Waiting],
                "settings"
            ));

    private static IEnumerable<Advice> Tokens(IReadOnlyList<PixelCondition> pixels) =>
        pixels
            .Where(pixel => pixel is { TokenAlert: not null, State: not "paused" })
            .Select(pixel => new Advice(
                1,
                "The token of pixel {0} is invalid or runs out soon. Set a new one.",
                [pixel.PixelId],
                "settings"
            ));

    private static IEnumerable<Advice> Missing(TenantDetails settings)
    {
        if (settings.Pixels.Count == 0)
            yield return new Advice(0, "No pixel is set yet: nothing can reach Meta.", [], "settings");
        if (settings.Connections.All(connection => connection.SecretSetAt is null))
            yield return new Advice(0, "No gateway is connected yet: no sale can reach us.", [], "settings");
    }
}
