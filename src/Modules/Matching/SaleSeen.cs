using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>A part of what is personal in the log, opened.</summary>
/// <param name="IsDamaged">It does not open: that is neither absence nor erasure.</param>
internal readonly record struct Opened(ProtectedPerson? Person, bool IsDamaged);

/// <summary>An identifier of a sale, and the position of the delivery that brought it.</summary>
internal readonly record struct SaleKey(Key Key, long Position);

/// <summary>A sale with all its deliveries so far.</summary>
internal sealed class SaleSeen
{
    private readonly List<SaleKey> keys = [];
    private readonly HashSet<Key> known = [];
    private readonly List<ProtectedPerson> buyers = [];

    public SaleSeen(IPersonalData people, RecordedEvent recorded, Opened opened)
    {
        (Stream, Position, Received, IsUnreadable) = (
            recorded.Stream,
            recorded.Sequence,
            (ConversionReceived)recorded.Data,
            opened.IsDamaged
        );
        Slots = TrackingSlots.Of(Received.Campaign);
        Add(people, Received.ClickIds(), Slots, opened.Person, Position);
    }

    public StreamId Stream { get; }

    /// <summary>Of its first delivery.</summary>
    public long Position { get; }

    public ConversionReceived Received { get; }

    public TrackingSlots Slots { get; }

    public bool IsUnreadable { get; private set; }

    public IReadOnlyList<SaleKey> Keys => keys;

    /// <summary>The buyer as each delivery told.</summary>
    public IReadOnlyList<ProtectedPerson> Buyers => buyers;

    /// <summary>Adds a later delivery.</summary>
    /// <returns>Whether the sale is known by something more.</returns>
    public bool Add(IPersonalData people, RecordedEvent recorded, Opened opened)
    {
        var (clickIds, campaign) = recorded.Data switch
        {
            ConversionStateChanged changed => (changed.ClickIds(), changed.Campaign),
            ConversionEnriched enriched => (enriched.ClickIds(), enriched.Campaign),
            var other => throw new InvalidOperationException($"{other.GetType().Name} is no later delivery of a sale."),
        };
        return Add(people, clickIds, TrackingSlots.Of(campaign), opened.Person, recorded.Sequence);
    }

    /// <summary>Identifiers that were told together, both ways, where there are both kinds.</summary>
    public IEnumerable<LearnedLink> Links(long position) =>
        Matching.Links.Of(
            keys.Where(key => key.Position <= position).Select(key => key.Key),
            Received.OccurredAt,
            position,
            Received.ConversionId
        );

    /// <summary>What may still decide the sale otherwise, of what the delivery at a position brought: of one that its token joined, another token.</summary>
    public IEnumerable<OpenKey> Open(long position, object? decision) =>
        keys.Where(key => key.Position == position)
            .Select(key => key.Key)
            .Where(key =>
                decision is null
                || !Decision.IsFinal(decision)
                || (
                    key.Rule == MatchRule.ClickToken
                    && !key.Equals(Matching.Keys.OfToken(Stream.TenantId, ((ConversionMatched)decision).ClickId))
                )
            )
            .Select(key => new OpenKey(key, Received.OccurredAt + Decision.TokenSkew, Received.ConversionId, position));

    private bool Add(IPersonalData people, IReadOnlyList<string> clickIds, TrackingSlots slots, ProtectedPerson? person, long position)
    {
        if (person is not null)
            buyers.Add(person);
        var before = keys.Count;
        keys.AddRange(
            Matching.Keys.Of(people, Stream.TenantId, clickIds, slots, person).Where(known.Add).Select(key => new SaleKey(key, position))
        );
        return keys.Count > before;
    }
}

internal static class Links
{
    public static IEnumerable<LearnedLink> Of(IEnumerable<Key> keys, DateTimeOffset at, long position, string? conversionId)
    {
        var all = keys.ToArray();
        Key[] persons = [.. all.Where(key => Keys.IsOfPerson(key.Rule))];
        Key[] browsers = [.. all.Where(key => Keys.IsOfBrowser(key.Rule))];
        return persons.Length == 0 || browsers.Length == 0
            ? []
            : persons
                .Select(key => new LearnedLink(key, at, position, browsers, conversionId))
                .Concat(browsers.Select(key => new LearnedLink(key, at, position, persons, conversionId)));
    }
}
