using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>A click under one of its identifiers.</summary>
internal readonly record struct LearnedKey(Key Key, string ClickId, DateTimeOffset ClickedAt, long Position);

/// <summary>An identifier, and those of the other kind that were told with it.</summary>
internal readonly record struct LearnedLink(Key Key, DateTimeOffset At, long Position, IReadOnlyList<Key> Siblings, string? ConversionId);

/// <summary>A sale that may still be decided otherwise, under one of its identifiers.</summary>
internal readonly record struct OpenKey(Key Key, DateTimeOffset At, string ConversionId, long Position);

/// <summary>What clicks a sale may have by one identifier.</summary>
/// <param name="Before">Only what was learned before this position.</param>
/// <param name="Since">Where the window begins.</param>
/// <param name="Until">The latest click that can have caused the sale.</param>
internal readonly record struct KeyAsked(
    int Ask,
    Key Key,
    long KeyPosition,
    long Before,
    DateTimeOffset Since,
    DateTimeOffset Until,
    string ConversionId
);

/// <summary>A click that was found for a sale, as of the position at which it could be.</summary>
internal readonly record struct Found(Candidate Candidate, long Position);

/// <summary>Which sales something that came late may concern.</summary>
/// <param name="Before">Only sales from before this position.</param>
internal readonly record struct OpenAsked(int Evidence, Key Key, long Before, DateTimeOffset From, DateTimeOffset Until);

/// <summary>
/// The tables that sales are compared with, set-based. Every row says at which position of the log it was learned, so that a sale is decided by what was
/// known when it came, at whatever time it is decided again. Every look-up is lateral and limited: an index look-up whatever the statistics say.
/// </summary>
internal static class LookUps
{
    /// <summary>Clicks of one identifier that are told: the latest ones before the sale, and the first in the window beside.</summary>
    public const int ClicksPerKey = 20;

    // Whoever has fewer rows than this, and none of them cut, is known whole by the first look.
    private const int Enough = 2 * ClicksPerKey;

    // Of what a person was told with, the latest: a phone that a whole shop types, or somebody with very many browsers, costs a sale no more than that.
    private const string LinksPerKey = "50";
    private const string TargetsPerKey = "20";
    private const string ClicksPerTarget = "10";

    private const string SalesPerKey = "20";

    private const string OfPerson = "array[4, 5, 7]::smallint[]";
    private const string OfBrowser = "array[0, 1, 3, 6]::smallint[]";

    // A sibling is a byte for the rule and its hash.
    private const string Siblings = "select get_byte(s.one, 0)::smallint, substring(s.one from 2)";

    private const string Asked =
        "from unnest($1, $2, $3, $4, $5, $6, $7) with ordinality k(tenant, rule, hash, before, since, until, conversion, ord)";

    // Each identifier by itself, and with a person's those that they were told with: each once, from when it was first told.
    private const string Targets = $"""
        (
            select k.rule, k.hash, 0::bigint, false
            union all
            (
                {Siblings}, min(l.position), true
                from (
                    select m.siblings, m.at, m.position from match_link m
                    where k.rule = any ({OfPerson}) and m.tenant_id = k.tenant and m.rule = k.rule and m.hash = k.hash
                        and m.position < k.before and m.conversion_id is distinct from k.conversion
                    order by m.at desc, m.position desc limit {LinksPerKey}
                ) l
                cross join lateral unnest(l.siblings) s(one)
                group by s.one
                order by max(l.at) desc, max(l.position) desc, s.one limit {TargetsPerKey}
            )
        ) t(rule, hash, position, by_link)
        """;

    // What was found in several ways is one click, as of the earliest of them; by the identifier itself is more than by hearsay.
    private const string Click =
        "f.click_id, f.clicked_at, min(greatest(f.position, t.position)) as position, bool_and(t.by_link) as by_link";

    /// <summary>The clicks of an identifier, the latest first: nearly always all there are. The last column tells that there may be more.</summary>
    public const string Candidates = $"""
        select k.ord, c.click_id, c.clicked_at, c.position, c.by_link, c.is_cut
        {Asked}
        cross join lateral (
            select {Click}, bool_or(t.by_link and f.nth = {ClicksPerTarget}) as is_cut
            from {Targets}
            cross join lateral (
                select m.click_id, m.clicked_at, m.position, row_number() over (order by m.clicked_at desc) as nth from match_key m
                where m.tenant_id = k.tenant and m.rule = t.rule and m.hash = t.hash and m.position < k.before
                order by m.clicked_at desc limit case when t.by_link then {ClicksPerTarget} else 40 end
            ) f
            group by f.click_id, f.clicked_at
            order by f.clicked_at desc, f.click_id limit 40
        ) c
        """;

    /// <summary>Those of somebody who clicked very often: the latest before the sale, the first in the window and the first after the sale.</summary>
    public const string CandidatesAmongMany = $"""
        select k.ord, c.click_id, c.clicked_at, c.position, c.by_link, false
        {Asked}
        cross join lateral (
            (
                select {Click} from {Targets}
                cross join lateral (
                    select m.click_id, m.clicked_at, m.position from match_key m
                    where m.tenant_id = k.tenant and m.rule = t.rule and m.hash = t.hash and m.clicked_at <= k.until and m.position < k.before
                    order by m.clicked_at desc limit case when t.by_link then {ClicksPerTarget} else 40 end
                ) f
                group by f.click_id, f.clicked_at
                order by f.clicked_at desc, f.click_id limit 40
            )
            union all
            (
                select {Click} from {Targets}
                cross join lateral (
                    select m.click_id, m.clicked_at, m.position from match_key m
                    where m.tenant_id = k.tenant and m.rule = t.rule and m.hash = t.hash and m.clicked_at between k.since and k.until
                        and m.position < k.before
                    order by m.clicked_at limit 1
                ) f
                group by f.click_id, f.clicked_at
                order by f.clicked_at, f.click_id limit 1
            )
            union all
            (
                select {Click} from {Targets}
                cross join lateral (
                    select m.click_id, m.clicked_at, m.position from match_key m
                    where m.tenant_id = k.tenant and m.rule = t.rule and m.hash = t.hash and m.clicked_at > k.until and m.position < k.before
                    order by m.clicked_at limit 1
                ) f
                group by f.click_id, f.clicked_at
                order by f.clicked_at, f.click_id limit 1
            )
        ) c
        """;

    /// <summary>
    /// Somebody who was told with as much as is looked at is no one person (a phone that a whole shop types): what is told of them opens nobody's sale.
    /// </summary>
    public const string OpenSales = $"""
        select distinct k.evidence, o.conversion_id
        from unnest($1, $2, $3, $4, $5, $6, $7) k(evidence, tenant, rule, hash, before, since, until)
        cross join lateral (
            select m.conversion_id
            from (
                select k.rule, k.hash
                where k.rule <> all ({OfPerson}) or (
                    select count(*) from (
                        select from match_link m
                        where m.tenant_id = k.tenant and m.rule = k.rule and m.hash = k.hash and m.position < k.before limit {LinksPerKey}
                    ) l
                ) < {LinksPerKey}
                union all
                (
                    {Siblings}
                    from (
                        select m.siblings, m.at, m.position from match_link m
                        where k.rule = any ({OfBrowser}) and m.tenant_id = k.tenant and m.rule = k.rule and m.hash = k.hash and m.position < k.before
                        order by m.at desc, m.position desc limit {LinksPerKey}
                    ) l
                    cross join lateral unnest(l.siblings) s(one)
                    group by s.one
                    order by max(l.at) desc, max(l.position) desc, s.one limit {TargetsPerKey}
                )
            ) t(rule, hash)
            cross join lateral (
                select m.conversion_id, m.at from match_open m
                where m.tenant_id = k.tenant and m.rule = t.rule and m.hash = t.hash and m.at between k.since and k.until and m.position < k.before
                order by m.at desc limit {SalesPerKey}
            ) m
            order by m.at desc, m.conversion_id limit {SalesPerKey}
        ) o
        """;

    public static void Learn(this RoundTrip trip, IReadOnlyCollection<LearnedKey> keys)
    {
        if (keys.Count > 0)
            trip.Add(
                "insert into match_key (tenant_id, rule, hash, clicked_at, click_id, position) select * from unnest($1, $2, $3, $4, $5, $6) on conflict do nothing",
                RoundTrip.Varchars(keys.Select(one => one.Key.TenantId)),
                RoundTrip.Rules(keys.Select(one => one.Key.Rule)),
                RoundTrip.Hashes(keys.Select(one => one.Key.Hash)),
                RoundTrip.Times(keys.Select(one => one.ClickedAt)),
                RoundTrip.Varchars(keys.Select(one => one.ClickId)),
                RoundTrip.Longs(keys.Select(one => one.Position))
            );
    }

    public static void Learn(this RoundTrip trip, IReadOnlyCollection<LearnedLink> links)
    {
        if (links.Count > 0)
            trip.Add(
                """
                insert into match_link (tenant_id, rule, hash, at, position, siblings, conversion_id)
                select l.tenant, l.rule, l.hash, l.at, l.position, l.siblings::bytea[], l.conversion
                from unnest($1, $2, $3, $4, $5, $6, $7) l(tenant, rule, hash, at, position, siblings, conversion)
                on conflict do nothing
                """,
                RoundTrip.Varchars(links.Select(one => one.Key.TenantId)),
                RoundTrip.Rules(links.Select(one => one.Key.Rule)),
                RoundTrip.Hashes(links.Select(one => one.Key.Hash)),
                RoundTrip.Times(links.Select(one => one.At)),
                RoundTrip.Longs(links.Select(one => one.Position)),
                RoundTrip.Texts(links.Select(one => ArrayOf(one.Siblings))),
                RoundTrip.Varchars(links.Select(one => one.ConversionId))
            );
    }

    public static void Learn(this RoundTrip trip, IReadOnlyCollection<OpenKey> open)
    {
        if (open.Count > 0)
            trip.Add(
                "insert into match_open (tenant_id, rule, hash, at, conversion_id, position) select * from unnest($1, $2, $3, $4, $5, $6) on conflict do nothing",
                RoundTrip.Varchars(open.Select(one => one.Key.TenantId)),
                RoundTrip.Rules(open.Select(one => one.Key.Rule)),
                RoundTrip.Hashes(open.Select(one => one.Key.Hash)),
                RoundTrip.Times(open.Select(one => one.At)),
                RoundTrip.Varchars(open.Select(one => one.ConversionId)),
                RoundTrip.Longs(open.Select(one => one.Position))
            );
    }

    /// <summary>The clicks of many identifiers. A click that was found in several ways by one rule counts as of the earliest of them.</summary>
    /// <param name="trip">What goes with the first question; it is executed here.</param>
    public static async Task FindAsync(
        this RoundTrip trip,
        IReadOnlyList<KeyAsked> asked,
        FoundClicks found,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var rows = new ClicksOfKeys(asked);
        Ask(trip, Candidates, asked, rows);
        await trip.ExecuteAsync(cancellationToken);
        var busy = rows.Settle(found, Enough);
        if (busy.Count == 0)
            return;
        var again = new RoundTrip(connection);
        var more = new ClicksOfKeys(busy);
        Ask(again, CandidatesAmongMany, busy, more);
        await again.ExecuteAsync(cancellationToken);
        more.Settle(found, int.MaxValue);
    }

    private static void Ask(RoundTrip trip, string sql, IReadOnlyList<KeyAsked> asked, ClicksOfKeys rows)
    {
        if (asked.Count > 0)
            trip.Ask(
                sql,
                row =>
                    rows.Add(
                        (int)row.GetInt64(0) - 1,
                        row.GetString(1),
                        row.GetFieldValue<DateTimeOffset>(2),
                        row.GetInt64(3),
                        row.GetBoolean(4),
                        row.GetBoolean(5)
                    ),
                RoundTrip.Varchars(asked.Select(one => one.Key.TenantId)),
                RoundTrip.Rules(asked.Select(one => one.Key.Rule)),
                RoundTrip.Hashes(asked.Select(one => one.Key.Hash)),
                RoundTrip.Longs(asked.Select(one => one.Before)),
                RoundTrip.Times(asked.Select(one => one.Since)),
                RoundTrip.Times(asked.Select(one => one.Until)),
                RoundTrip.Varchars(asked.Select(one => one.ConversionId))
            );
    }

    /// <summary>The sales that each piece of evidence may concern.</summary>
    public static void Find(this RoundTrip trip, IReadOnlyList<OpenAsked> asked, Action<int, string> found)
    {
        if (asked.Count > 0)
            trip.Ask(
                OpenSales,
                row => found(row.GetInt32(0), row.GetString(1)),
                new NpgsqlParameter { Value = asked.Select(one => one.Evidence).ToArray() },
                RoundTrip.Varchars(asked.Select(one => one.Key.TenantId)),
                RoundTrip.Rules(asked.Select(one => one.Key.Rule)),
                RoundTrip.Hashes(asked.Select(one => one.Key.Hash)),
                RoundTrip.Longs(asked.Select(one => one.Before)),
                RoundTrip.Times(asked.Select(one => one.From)),
                RoundTrip.Times(asked.Select(one => one.Until))
            );
    }

    private static string ArrayOf(IEnumerable<Key> siblings) =>
        $"{{{string.Join(',', siblings.Select(key => $"\"\\\\x{(byte)key.Rule:x2}{Convert.ToHexStringLower(key.Hash)}\""))}}}";
}

/// <summary>The rows of each identifier asked for, to be told or asked for again.</summary>
internal sealed class ClicksOfKeys(IReadOnlyList<KeyAsked> asked)
{
    private readonly List<(Candidate Candidate, long Position)>?[] rows = new List<(Candidate, long)>?[asked.Count];
    private readonly HashSet<int> cut = [];

    public void Add(int key, string clickId, DateTimeOffset clickedAt, long position, bool byLink, bool isCut)
    {
        (rows[key] ??= []).Add((new Candidate(asked[key].Key.Rule, clickId, clickedAt) { ByLink = byLink }, position));
        if (isCut)
            cut.Add(key);
    }

    /// <summary>Tells what was found, of each identifier no more than can be read.</summary>
    /// <returns>Identifiers with as many rows as there may be at a time: there may be more.</returns>
    public IReadOnlyList<KeyAsked> Settle(FoundClicks found, int enough)
    {
        var busy = new List<KeyAsked>();
        for (var key = 0; key < rows.Length; key++)
        {
            if (rows[key] is not { } of)
                continue;
            if (of.Count >= enough || cut.Contains(key))
                busy.Add(asked[key]);
            else
                Tell(asked[key], of, found);
        }

        return busy;
    }

    private static void Tell(KeyAsked key, List<(Candidate Candidate, long Position)> of, FoundClicks found)
    {
        if (of.Count > 1)
            of = Chosen(key, of, found);
        foreach (var (candidate, position) in of)
            found.Add(key.Ask, candidate, Math.Max(position, key.KeyPosition));
    }

    private static List<(Candidate Candidate, long Position)> Chosen(
        KeyAsked key,
        List<(Candidate Candidate, long Position)> of,
        FoundClicks found
    )
    {
        var latest = of.OrderByDescending(one => one.Candidate.ClickedAt)
            .ThenBy(one => one.Candidate.ClickId, StringComparer.Ordinal)
            .ToArray();
        var before = latest.Where(one => one.Candidate.ClickedAt <= key.Until).ToArray();
        if (before.Select(one => one.Candidate.ClickId).Distinct(StringComparer.Ordinal).Skip(LookUps.ClicksPerKey).Any())
            found.AddMore(key.Ask, key.Key.Rule);
        return
        [
            .. before.Take(LookUps.ClicksPerKey),
            .. before.Where(one => one.Candidate.ClickedAt >= key.Since).TakeLast(1),
            .. latest.Where(one => one.Candidate.ClickedAt > key.Until).TakeLast(1),
        ];
    }
}

/// <summary>The clicks found for each of several questions.</summary>
internal sealed class FoundClicks
{
    private readonly Dictionary<int, Dictionary<(MatchRule, string), Found>> clicks = [];
    private readonly HashSet<(int, MatchRule)> more = [];

    public void Add(int ask, Candidate candidate, long position)
    {
        if (!clicks.TryGetValue(ask, out var of))
            clicks[ask] = of = [];
        var known = of.GetValueOrDefault((candidate.Rule, candidate.ClickId));
        // Known by the identifier itself is more than by hearsay; as of whichever came first.
        of[(candidate.Rule, candidate.ClickId)] = known.Candidate is null
            ? new Found(candidate, position)
            : new Found(known.Candidate.ByLink ? candidate : known.Candidate, Math.Min(known.Position, position));
    }

    public void AddMore(int ask, MatchRule rule) => more.Add((ask, rule));

    /// <param name="before">Only what was known before this position.</param>
    public IReadOnlyList<Candidate> Of(int ask, long before) =>
        clicks.TryGetValue(ask, out var of) ? [.. of.Values.Where(one => one.Position < before).Select(one => one.Candidate)] : [];

    /// <summary>Where what was found came to be known, after a position: by a click, or by a visit or sale that tells whose it was.</summary>
    public IReadOnlyCollection<long> PositionsAfter(int ask, long position) =>
        clicks.TryGetValue(ask, out var of) ? [.. of.Values.Select(one => one.Position).Where(known => known > position).Distinct()] : [];

    public IReadOnlySet<MatchRule> MoreOf(int ask) => more.Where(one => one.Item1 == ask).Select(one => one.Item2).ToHashSet();
}
