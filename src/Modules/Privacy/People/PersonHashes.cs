using TrackAi.Contracts;

namespace TrackAi.Privacy.People;

/// <summary>
/// What a person is known by, as keyed hashes in hex. E-mails and phones are named by the hashes that Meta takes, so that one which came hashed is
/// found by the one that is given in the clear, and a mobile by its number with and without the ninth digit.
/// </summary>
internal sealed class PersonHashes(IPersonalData people)
{
    /// <summary>Names the person: e-mails and phones.</summary>
    public IEnumerable<string> Named(string tenant, ProtectedPerson person) =>
        person.Em.Select(hash => Of(tenant, "em", hash)).Concat(person.Ph.Select(hash => Of(tenant, "ph", hash)));

    /// <summary>Names the browser: Meta's cookies and the ad's click id.</summary>
    public IEnumerable<string> Browser(string tenant, ProtectedPerson person)
    {
        if ((person.Fbclid ?? Fbc.FbclidOf(person.Fbc)) is { } fbclid)
            yield return Of(tenant, "fbclid", fbclid);
        if (person.Fbc is { } fbc)
            yield return Of(tenant, "fbc", fbc);
        if (person.Fbp is { } fbp)
            yield return Of(tenant, "fbp", fbp);
    }

    /// <summary>What other modules' look-ups hold of the same: see Matching's <c>Keys</c>.</summary>
    public IEnumerable<string> InLookUps(string tenant, ProtectedPerson person)
    {
        if (person.Email is { } email)
            yield return Of(tenant, "email", email);
        if (person.Phone is { } phone)
            yield return Of(tenant, "phone", phone);
    }

    public IEnumerable<string> OfPerson(string tenant, ProtectedPerson person) =>
        Named(tenant, person).Concat(Browser(tenant, person)).Concat(InLookUps(tenant, person));

    public string Click(string tenant, string clickId) => Of(tenant, "click", clickId);

    public string Order(string tenant, string orderId) => Of(tenant, "order", orderId);

    /// <summary>Everything that an event's stream is to be found by.</summary>
    public IEnumerable<string> Of(string tenant, object @event, ProtectedPerson? person)
    {
        var known = person is null ? [] : OfPerson(tenant, person);
        var named = PersonalEvents.ClicksNamedBy(@event).Select(click => Click(tenant, click));
        return @event is ConversionReceived received ? known.Concat(named).Append(Order(tenant, received.OrderId)) : known.Concat(named);
    }

    private string Of(string tenant, string kind, string value) => Convert.ToHexString(people.LookupHash(tenant, kind, value));
}

/// <summary>The events that say something of a person.</summary>
internal static class PersonalEvents
{
    public static IReadOnlyCollection<Type> All { get; } =
    [
        typeof(ClickCaptured),
        typeof(PageviewCaptured),
        typeof(CheckoutInitiated),
        typeof(ConversionReceived),
        typeof(ConversionStateChanged),
        typeof(ConversionEnriched),
    ];

    public static string? ProtectedPartOf(object @event) =>
        @event switch
        {
            ClickCaptured click => click.Protected,
            PageviewCaptured pageview => pageview.Protected,
            CheckoutInitiated checkout => checkout.Protected,
            ConversionReceived received => received.Protected,
            ConversionStateChanged changed => changed.Protected,
            ConversionEnriched enriched => enriched.Protected,
            _ => null,
        };

    public static IEnumerable<string> ClicksNamedBy(object @event) =>
        @event switch
        {
            ClickCaptured click => [click.ClickId],
            PageviewCaptured { ClickId: { } click } => [click],
            CheckoutInitiated { ClickId: { } click } => [click],
            ConversionReceived received => received.ClickIds(),
            ConversionStateChanged changed => changed.ClickIds(),
            ConversionEnriched enriched => enriched.ClickIds(),
            // A guess may name a stranger's click.
            ConversionMatched { IsProbabilistic: not true } matched => [matched.ClickId],
            _ => [],
        };
}
