using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>An event as Matching takes it: what it teaches, and which sales it may concern.</summary>
internal sealed class Evidence
{
    private readonly IReadOnlyList<Key> known;
    private readonly DateTimeOffset occurredAt;

    private Evidence(RecordedEvent recorded, IReadOnlyList<Key> known, DateTimeOffset occurredAt) =>
        (Recorded, this.known, this.occurredAt) = (recorded, known, occurredAt);

    public RecordedEvent Recorded { get; }

    public long Position => Recorded.Sequence;

    /// <summary>The sale it reports, as this delivery leaves it.</summary>
    public SaleSeen? Sale { get; private init; }

    public bool IsNewSale => Recorded.Data is ConversionReceived;

    /// <summary>A later delivery that knows more of the buyer than the ones before.</summary>
    public bool MovesItsSale { get; private init; }

    public IReadOnlyList<LearnedKey> Keys { get; private init; } = [];

    public IReadOnlyList<LearnedLink> Links { get; private init; } = [];

    public string Cause =>
        Recorded.Data switch
        {
            ClickCaptured => "late_click",
            ConversionReceived => "other_sale",
            ConversionStateChanged or ConversionEnriched => MovesItsSale ? "second_delivery" : "other_sale",
            _ => "late_visit",
        };

    /// <summary>Whether it can change what a sale's own token decided: another delivery of it, or the click of another of its tokens.</summary>
    public bool IsOfAToken(SaleSeen sale) =>
        Recorded.Stream == sale.Stream
        || (
            Recorded.Data is ClickCaptured click
            && sale.Keys.Any(key => key.Key.Equals(Matching.Keys.OfToken(Recorded.TenantId, click.ClickId)))
        );

    /// <summary>Whether there is anything to learn from it.</summary>
    public static bool IsTelling(RecordedEvent recorded) =>
        recorded.Data switch
        {
            // There are very many, and of most nothing is known but the browser.
            PageviewCaptured pageview => pageview.Consent is not null || pageview.Has is { Email: true } or { Phone: true },
            MatchRulesActivated => false,
            _ => !IsBareChange(recorded.Data),
        };

    public static bool IsOfSale(RecordedEvent recorded) => recorded.Data is ConversionReceived || IsOfKnownSale(recorded);

    /// <summary>A later delivery that says something of the buyer or of where they came from.</summary>
    public static bool IsOfKnownSale(RecordedEvent recorded) =>
        recorded.Data is ConversionEnriched || (recorded.Data is ConversionStateChanged && !IsBareChange(recorded.Data));

    public static ProtectedPart? PartOf(RecordedEvent recorded) =>
        recorded.Data switch
        {
            ClickCaptured click => click.Protected,
            PageviewCaptured pageview => pageview.Protected,
            CheckoutInitiated checkout => checkout.Protected,
            ConversionReceived received => received.Protected,
            ConversionStateChanged changed => changed.Protected,
            ConversionEnriched enriched => enriched.Protected,
            _ => null,
        }
            is { } part
            ? new ProtectedPart(recorded.TenantId, recorded.Stream.Id, part)
            : null;

    public static Evidence Of(IPersonalData people, RecordedEvent recorded, Sales sales) =>
        recorded.Data switch
        {
            ClickCaptured click => OfClick(people, recorded, click, sales[recorded]),
            PageviewCaptured visit => OfVisit(people, recorded, visit.ClickId, visit.Campaign, visit.OccurredAt, sales[recorded]),
            CheckoutInitiated visit => OfVisit(people, recorded, visit.ClickId, visit.Campaign, visit.OccurredAt, sales[recorded]),
            ConversionReceived => OfSale(recorded, new SaleSeen(people, recorded, sales[recorded]), movesIt: false),
            ConversionStateChanged or ConversionEnriched => sales.Fold(recorded.Stream, recorded.Sequence) is { } after
                ? OfSale(recorded, after.Sale, after.IsTaught)
                : new Evidence(recorded, [], recorded.Timestamp),
            var other => throw new InvalidOperationException($"Matching asked for no {other.GetType().Name}."),
        };

    /// <summary>What was said about being reported, under everything the visitor is known by.</summary>
    public IEnumerable<(string, byte[], long, bool, DateTimeOffset)> Stated(IPersonalData people) =>
        Consents.StatedBy(Recorded.Data) is { } stated
            ? Consents
                .HashesOf(people, Recorded.TenantId, known, stated.ClickId is null ? [] : [stated.ClickId])
                .Select(hash => (Recorded.TenantId, hash, Position, stated.Consent, stated.At))
            : [];

    /// <summary>
    /// Open sales that may be decided otherwise now: those that a click may have caused, and those of a person of whom another browser is known now.
    /// </summary>
    public IEnumerable<OpenAsked> MayConcern(int index, MatchingOptions options) =>
        Recorded.Data is ClickCaptured
            ? known.Select(key => new OpenAsked(index, key, Position, occurredAt, occurredAt.AddDays(options.LookBackDays)))
            : Links
                .Where(link => Matching.Keys.IsOfPerson(link.Key.Rule))
                .Select(link => new OpenAsked(
                    index,
                    link.Key,
                    Position,
                    // A sale may have been reported late itself.
                    Recorded.Timestamp.AddDays(-2 * options.ReopenDays),
                    Recorded.Timestamp.AddDays(1)
                ));

    private static Evidence OfClick(IPersonalData people, RecordedEvent recorded, ClickCaptured click, Opened opened)
    {
        // A token in a click's own fields is of the click before it.
        var slots = TrackingSlots.Of(click.Campaign) with
        {
            ClickTokens = [],
        };
        var known = Matching.Keys.Of(people, recorded.TenantId, [click.ClickId], slots, opened.Person);
        return new Evidence(recorded, known, click.OccurredAt)
        {
            Keys = [.. known.Select(key => new LearnedKey(key, click.ClickId, click.OccurredAt, recorded.Sequence))],
        };
    }

    private static Evidence OfVisit(
        IPersonalData people,
        RecordedEvent recorded,
        string? clickId,
        Campaign campaign,
        DateTimeOffset occurredAt,
        Opened opened
    )
    {
        var known = Matching.Keys.Of(
            people,
            recorded.TenantId,
            clickId is null ? [] : [clickId],
            TrackingSlots.Of(campaign),
            opened.Person
        );
        return new Evidence(recorded, known, occurredAt)
        {
            Links = [.. Matching.Links.Of(known, occurredAt, recorded.Sequence, conversionId: null)],
        };
    }

    private static Evidence OfSale(RecordedEvent recorded, SaleSeen sale, bool movesIt) =>
        new(recorded, [], sale.Received.OccurredAt)
        {
            Sale = sale,
            MovesItsSale = movesIt,
            Links = recorded.Data is ConversionReceived || movesIt ? [.. sale.Links(recorded.Sequence)] : [],
        };

    private static bool IsBareChange(object data) => data is ConversionStateChanged { Protected: null, ClickId: null, Campaign: null };
}
