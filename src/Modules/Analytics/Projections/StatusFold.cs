using System.Runtime.InteropServices;

namespace TrackAi.Analytics.Projections;

/// <summary>Folds facts over conversions as they stood before: a stretch of the log for those that it touches.</summary>
internal sealed class StatusFold
{
    private readonly Dictionary<ConversionKey, Standing> standings = [];

    /// <summary>Those that anything was said of.</summary>
    public IReadOnlyDictionary<ConversionKey, Standing> Standings => standings;

    /// <summary>The one of a key, about which nothing may be known yet.</summary>
    public Standing Of(ConversionKey key, out bool isNew)
    {
        ref var standing = ref CollectionsMarshal.GetValueRefOrAddDefault(standings, key, out var isKnown);
        isNew = !isKnown;
        return standing ??= new Standing();
    }

    public void Apply(ConversionFact fact) => Of(fact.Key, out _).Apply(fact);
}
