using System.Text;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>Something a click, a visitor or a buyer is known by: a keyed hash, or a click token as it is.</summary>
internal readonly struct Key(string tenantId, MatchRule rule, byte[] hash) : IEquatable<Key>
{
    public string TenantId { get; } = tenantId;
    public MatchRule Rule { get; } = rule;
    public byte[] Hash { get; } = hash;

    public bool Equals(Key other) =>
        Rule == other.Rule && Hash.AsSpan().SequenceEqual(other.Hash) && string.Equals(TenantId, other.TenantId, StringComparison.Ordinal);

    public override bool Equals(object? obj) => obj is Key other && Equals(other);

    public override int GetHashCode()
    {
        var code = new HashCode();
        code.Add(Rule);
        code.AddBytes(Hash);
        return code.ToHashCode();
    }
}

internal static class Keys
{
    /// <summary>Names a person wherever they are: told by one visit or sale, it leads to the browsers and clicks that were told with it.</summary>
    public static bool IsOfPerson(MatchRule rule) => rule is MatchRule.EmailHash or MatchRule.PhoneHash or MatchRule.ExternalId;

    /// <summary>Names one browser or click.</summary>
    public static bool IsOfBrowser(MatchRule rule) =>
        rule is MatchRule.ClickToken or MatchRule.Fbclid or MatchRule.Fbp or MatchRule.TrackingId;

    public static bool IsGuess(MatchRule rule) => rule is MatchRule.IpUserAgent or MatchRule.AdId;

    public static Key OfToken(string tenant, string clickId) => new(tenant, MatchRule.ClickToken, Encoding.UTF8.GetBytes(clickId));

    /// <summary>Of every identifier that is there, each once.</summary>
    /// <param name="clickIds">The tokens that are known of it beside those in the slots.</param>
    public static IReadOnlyList<Key> Of(
        IPersonalData people,
        string tenant,
        IEnumerable<string> clickIds,
        TrackingSlots slots,
        ProtectedPerson? person
    )
    {
        var keys = new List<Key>(8);
        foreach (var token in clickIds.Concat(slots.ClickTokens))
            keys.Add(OfToken(tenant, token));
        foreach (var fbclid in slots.Fbclids.Prepend(person?.Fbclid ?? Fbc.FbclidOf(person?.Fbc)).OfType<string>())
            Add(MatchRule.Fbclid, "fbclid", fbclid);
        foreach (var id in slots.TrackingIds)
            Add(MatchRule.TrackingId, "tracking_id", id);
        foreach (var fbp in slots.Fbps.Prepend(person?.Fbp).OfType<string>())
            Add(MatchRule.Fbp, "fbp", fbp);
        if (slots.AdId is { } ad)
            Add(MatchRule.AdId, "ad", ad);
        if (person is not null)
            AddPerson(person);
        return keys.Count < 2 ? keys : [.. keys.Distinct()];

        void AddPerson(ProtectedPerson known)
        {
            if (known.Email is { } email)
                Add(MatchRule.EmailHash, "email", email);
            if (known.Phone is { } phone)
                Add(MatchRule.PhoneHash, "phone", phone);
            foreach (var id in known.ExternalId)
                Add(MatchRule.ExternalId, "external_id", id);
            if (known is { IpAddress: { } address, UserAgent: { } agent })
                Add(MatchRule.IpUserAgent, "ip_user_agent", $"{address}|{agent}");
        }

        void Add(MatchRule rule, string kind, string value) => keys.Add(new Key(tenant, rule, people.LookupHash(tenant, kind, value)));
    }
}
