using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>What a visitor said, at which position of the log and when; the time is not known of what was learned by an earlier version.</summary>
internal readonly record struct Word(long Position, DateTimeOffset? SaidAt, bool Consent);

/// <summary>
/// What visitors said about being reported to ad networks, under everything they are known by. The latest word before a sale counts for it, whichever
/// of their visits it came with.
/// </summary>
internal static class Consents
{
    private const int WordsPerKey = 20;

    // Gateways cut their times to the minute.
    private static readonly TimeSpan Cut = TimeSpan.FromMinutes(1);

    public static (string? ClickId, bool Consent, DateTimeOffset At)? StatedBy(object @event) =>
        @event switch
        {
            ClickCaptured { Consent: { } consent } click => (click.ClickId, consent, click.OccurredAt),
            PageviewCaptured { Consent: { } consent } pageview => (pageview.ClickId, consent, pageview.OccurredAt),
            CheckoutInitiated { Consent: { } consent } checkout => (checkout.ClickId, consent, checkout.OccurredAt),
            _ => null,
        };

    public static byte[] ClickKey(IPersonalData people, string tenant, string clickId) => people.LookupHash(tenant, "click", clickId);

    /// <summary>Names somebody, or a click: an address or an ad is nobody's.</summary>
    public static IEnumerable<byte[]> HashesOf(IPersonalData people, string tenant, IEnumerable<Key> keys, IEnumerable<string> clicks) =>
        keys.Where(key => key.Rule != MatchRule.ClickToken && !Keys.IsGuess(key.Rule))
            .Select(key => key.Hash)
            .Concat(clicks.Distinct(StringComparer.Ordinal).Select(click => ClickKey(people, tenant, click)));

    public static void Learn(
        this RoundTrip trip,
        IReadOnlyCollection<(string TenantId, byte[] Hash, long Position, bool Consent, DateTimeOffset At)> stated
    )
    {
        if (stated.Count > 0)
            trip.Add(
                """
                insert into match_consent (tenant_id, hash, position, consent, said_at)
                select * from unnest($1, $2, $3, $4, $5)
                on conflict do nothing
                """,
                RoundTrip.Varchars(stated.Select(one => one.TenantId)),
                RoundTrip.Hashes(stated.Select(one => one.Hash)),
                RoundTrip.Longs(stated.Select(one => one.Position)),
                new NpgsqlParameter { Value = stated.Select(one => one.Consent).ToArray() },
                RoundTrip.Times(stated.Select(one => one.At))
            );
    }

    /// <summary>Which tenants' pages ask at all: of the others nothing need be looked up.</summary>
    public static void FindTenants(this RoundTrip trip, IEnumerable<string> tenants, HashSet<string> found)
    {
        var all = tenants.Distinct(StringComparer.Ordinal).ToArray();
        if (all.Length > 0)
            trip.Ask(
                """
                select t.tenant from unnest($1) t(tenant)
                cross join lateral (select 1 from match_consent m where m.tenant_id = t.tenant order by m.hash, m.position limit 1) c
                """,
                row => found.Add(row.GetString(0)),
                RoundTrip.Varchars(all)
            );
    }

    /// <summary>The latest words under many hashes.</summary>
    public static void Find(
        this RoundTrip trip,
        IReadOnlyCollection<(int Ask, string TenantId, byte[] Hash, long Before)> asked,
        Action<int, Word> found
    )
    {
        if (asked.Count > 0)
            trip.Ask(
                $"""
                select k.ask, c.position, c.said_at, c.consent
                from unnest($1, $2, $3, $4) k(ask, tenant, hash, before)
                cross join lateral (
                    select m.consent, m.position, m.said_at from match_consent m
                    where m.tenant_id = k.tenant and m.hash = k.hash and m.position < k.before
                    order by m.position desc limit {WordsPerKey}
                ) c
                """,
                row =>
                    found(
                        row.GetInt32(0),
                        new Word(row.GetInt64(1), row.IsDBNull(2) ? null : row.GetFieldValue<DateTimeOffset>(2), row.GetBoolean(3))
                    ),
                new NpgsqlParameter { Value = asked.Select(one => one.Ask).ToArray() },
                RoundTrip.Varchars(asked.Select(one => one.TenantId)),
                RoundTrip.Hashes(asked.Select(one => one.Hash)),
                RoundTrip.Longs(asked.Select(one => one.Before))
            );
    }

    /// <summary>The word that counts for a sale: what was in the log before it, or was said before it and came late.</summary>
    public static bool? Latest(IEnumerable<Word> words, SaleSeen sale, long before) =>
        words
            .Where(word => word.Position < before && (word.Position < sale.Position || word.SaidAt <= sale.Received.OccurredAt + Cut))
            .OrderByDescending(word => word.SaidAt ?? DateTimeOffset.MinValue)
            .ThenByDescending(word => word.Position)
            .Select(word => (bool?)word.Consent)
            .FirstOrDefault();
}
