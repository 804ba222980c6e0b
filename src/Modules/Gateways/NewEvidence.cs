using System.Security.Cryptography;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>
/// What a delivery that moves no payment brings all the same: identifiers and tracking fields that no delivery of the sale told before. A name or an
/// address alone is none: nothing is joined by it.
/// </summary>
internal sealed class NewEvidence(IPersonalData people)
{
    /// <returns>The names of what is new; none when the delivery adds nothing, and when the person was erased or cannot be read.</returns>
    public async Task<IReadOnlyList<string>> AddedAsync(
        IReadOnlyList<RecordedEvent> stream,
        ConversionReceived told,
        Person buyer,
        CancellationToken cancellationToken
    )
    {
        var known = stream.Select(recorded => Told.Of(recorded.Data)).OfType<Told>().ToArray();
        string[] inTheClear = [.. Tokens(told, known), .. Tracking(told.Campaign, known), .. Consent(told, known)];
        if (!IsAnybody(buyer) && inTheClear.Length == 0)
            return [];
        var sale = stream[0].Stream;
        return await OpenAsync(sale, known, cancellationToken) is { } before
            ? [.. inTheClear, .. Identifiers(people.Normalise(buyer), before)]
            : [];
    }

    private static IEnumerable<string> Tokens(ConversionReceived told, IReadOnlyList<Told> known)
    {
        var before = known.SelectMany(one => TokensOf(one.ClickIds, one.Campaign)).ToHashSet(StringComparer.Ordinal);
        if (TokensOf(told.ClickIds(), told.Campaign).Any(token => !before.Contains(token)))
            yield return "click_token";
    }

    private static IEnumerable<string> TokensOf(IEnumerable<string> clickIds, Campaign? campaign) =>
        (campaign ?? Campaign.None).Fields().Select(field => field.Value).OfType<string>().SelectMany(ClickToken.AllIn).Concat(clickIds);

    private static IEnumerable<string> Tracking(Campaign campaign, IReadOnlyList<Told> known) =>
        campaign
            .Fields()
            .Where(field => field.Value is not null && !known.Any(one => one.Campaign?.Fields().Contains(field) == true))
            .Select(field => field.Name);

    private static IEnumerable<string> Consent(ConversionReceived told, IReadOnlyList<Told> known)
    {
        if (told.Consent is { } consent && known.LastOrDefault(one => one.Consent is not null)?.Consent != consent)
            yield return "consent";
    }

    private static IEnumerable<string> Identifiers(ProtectedPerson told, IReadOnlyList<ProtectedPerson> known)
    {
        if (told.Em.Except(known.SelectMany(one => one.Em), StringComparer.Ordinal).Any())
            yield return "email";
        if (told.Ph.Except(known.SelectMany(one => one.Ph), StringComparer.Ordinal).Any())
            yield return "phone";
        if (told.ExternalId.Except(known.SelectMany(one => one.ExternalId), StringComparer.Ordinal).Any())
            yield return "external_id";
        if (FbclidOf(told) is { } fbclid && !known.Any(one => FbclidOf(one) == fbclid && (told.Fbc is null || one.Fbc is not null)))
            yield return told.Fbc is null ? "fbclid" : "fbc";
        if (told.Fbp is { } fbp && known.All(one => one.Fbp != fbp))
            yield return "fbp";
        if (IsBrowser(told) && !known.Any(IsBrowser))
            yield return "browser";
    }

    private static string? FbclidOf(ProtectedPerson person) => Fbc.FbclidOf(person.Fbc) ?? person.Fbclid;

    private static bool IsBrowser(ProtectedPerson person) => person is { IpAddress: not null, UserAgent: not null };

    private static bool IsAnybody(Person buyer) =>
        buyer
            is { Email: not null }
                or { Phone: not null }
                or { ExternalId: not null }
                or { Fbclid: not null }
                or { Fbc: not null }
                or { Fbp: not null }
                or { IpAddress: not null, UserAgent: not null };

    private async Task<IReadOnlyList<ProtectedPerson>?> OpenAsync(
        StreamId sale,
        IReadOnlyList<Told> known,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var opened = await people.OpenAsync(
                [.. known.Select(one => one.Protected).OfType<string>().Select(part => new ProtectedPart(sale.TenantId, sale.Id, part))],
                cancellationToken
            );
            return opened.Contains(null) ? null : [.. opened.OfType<ProtectedPerson>()];
        }
        catch (CryptographicException)
        {
            // Matching and Dispatch say so by name; what cannot be compared is not stored again and again.
            return null;
        }
    }

    private sealed record Told(IReadOnlyList<string> ClickIds, Campaign? Campaign, bool? Consent, string? Protected)
    {
        public static Told? Of(object data) =>
            data switch
            {
                ConversionReceived received => new(received.ClickIds(), received.Campaign, received.Consent, received.Protected),
                ConversionStateChanged changed => new(changed.ClickIds(), changed.Campaign, changed.Consent, changed.Protected),
                ConversionEnriched enriched => new(enriched.ClickIds(), enriched.Campaign, enriched.Consent, enriched.Protected),
                _ => null,
            };
    }
}
