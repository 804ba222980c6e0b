using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>One identifier of a tenant, as a keyed hash.</summary>
/// <param name="Position">The event it comes from: it teaches from there on, and is compared with what was known before.</param>
internal readonly record struct Key(string TenantId, MatchRule Rule, byte[] Hash, long Position);

/// <summary>Keyed hashes of what a person can be recognised by.</summary>
internal static class Keys
{
    /// <summary>Of every identifier that is there, but the click token.</summary>
    public static IEnumerable<Key> Of(IPersonalData people, string tenant, ProtectedPerson? person, long position)
    {
        if (person is null)
            yield break;
        if ((person.Fbclid ?? Fbc.FbclidOf(person.Fbc)) is { } fbclid)
            yield return Of(MatchRule.Fbclid, "fbclid", fbclid);
        if (person.Fbc is { } fbc)
            yield return Of(MatchRule.Fbc, "fbc", fbc);
        if (person.Fbp is { } fbp)
            yield return Of(MatchRule.Fbp, "fbp", fbp);
        if (person.Email is { } email)
            yield return Of(MatchRule.EmailHash, "email", email);
        if (person.Phone is { } phone)
            yield return Of(MatchRule.PhoneHash, "phone", phone);

        Key Of(MatchRule rule, string kind, string value) => new(tenant, rule, people.LookupHash(tenant, kind, value), position);
    }
}

/// <summary>The tables that sales are compared with, set-based.</summary>
internal static class LookUps
{
    /// <summary>Clicks of one sale and rule that are looked at; somebody who clicked more often is decided by the latest ones.</summary>
    private const int CandidatesPerKey = 20;

    public static async Task AddClicksAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<(string TenantId, string ClickId, DateTimeOffset ClickedAt, long Position)> clicks,
        CancellationToken cancellationToken
    )
    {
        if (clicks.Count == 0)
            return;
        await using var insert = new NpgsqlCommand(
            "insert into match_click (tenant_id, click_id, clicked_at, position) select * from unnest($1, $2, $3, $4) on conflict do nothing",
            connection
        )
        {
            Parameters =
            {
                Varchars(clicks.Select(click => click.TenantId)),
                Varchars(clicks.Select(click => click.ClickId)),
                new() { Value = clicks.Select(click => click.ClickedAt).ToArray() },
                Positions(clicks.Select(click => click.Position)),
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Says that an identifier belongs to a click that is known.</summary>
    public static async Task AddKeysAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<(Key Key, string ClickId)> keys,
        CancellationToken cancellationToken
    )
    {
        if (keys.Count == 0)
            return;
        await using var insert = new NpgsqlCommand(
            """
            insert into match_key (tenant_id, rule, hash, clicked_at, click_id, position)
            select k.tenant, k.rule, k.hash, c.clicked_at, c.click_id, k.position
            from unnest($1, $2, $3, $4, $5) k(tenant, rule, hash, click, position)
            cross join lateral (
                select m.clicked_at, m.click_id from match_click m
                where m.tenant_id = k.tenant and m.click_id = k.click and m.position <= k.position
            ) c
            on conflict do nothing
            """,
            connection
        )
        {
            Parameters =
            {
                Varchars(keys.Select(key => key.Key.TenantId)),
                Rules(keys.Select(key => key.Key.Rule)),
                new() { Value = keys.Select(key => key.Key.Hash).ToArray() },
                Varchars(keys.Select(key => key.ClickId)),
                Positions(keys.Select(key => key.Key.Position)),
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The clicks of many identifiers, the latest first; <c>Index</c> is the position in what was asked.</summary>
    public static async Task<ILookup<int, Candidate>> FindAsync(
        NpgsqlConnection connection,
        IReadOnlyList<Key> keys,
        CancellationToken cancellationToken
    )
    {
        // Lateral and limited, so that each identifier is one index look-up whatever the statistics say.
        await using var select = new NpgsqlCommand(
            $"""
            select k.ord, k.rule, c.click_id, c.clicked_at
            from unnest($1, $2, $3, $4) with ordinality k(tenant, rule, hash, position, ord)
            cross join lateral (
                select m.click_id, m.clicked_at from match_key m
                where m.tenant_id = k.tenant and m.rule = k.rule and m.hash = k.hash and m.position < k.position
                order by m.clicked_at desc limit {CandidatesPerKey}
            ) c
            """,
            connection
        )
        {
            Parameters =
            {
                Varchars(keys.Select(key => key.TenantId)),
                Rules(keys.Select(key => key.Rule)),
                new() { Value = keys.Select(key => key.Hash).ToArray() },
                Positions(keys.Select(key => key.Position)),
            },
        };
        return await ReadAsync(select, keys.Count, cancellationToken);
    }

    /// <summary>The clicks of many click tokens.</summary>
    public static async Task<ILookup<int, Candidate>> FindTokensAsync(
        NpgsqlConnection connection,
        IReadOnlyList<(string TenantId, string ClickId, long Position)> tokens,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            $"""
            select k.ord, {(int)MatchRule.ClickToken}::smallint, c.click_id, c.clicked_at
            from unnest($1, $2, $3) with ordinality k(tenant, click, position, ord)
            cross join lateral (
                select m.click_id, m.clicked_at from match_click m
                where m.tenant_id = k.tenant and m.click_id = k.click and m.position < k.position
            ) c
            """,
            connection
        )
        {
            Parameters =
            {
                Varchars(tokens.Select(token => token.TenantId)),
                Varchars(tokens.Select(token => token.ClickId)),
                Positions(tokens.Select(token => token.Position)),
            },
        };
        return await ReadAsync(select, tokens.Count, cancellationToken);
    }

    private static async Task<ILookup<int, Candidate>> ReadAsync(NpgsqlCommand select, int asked, CancellationToken cancellationToken)
    {
        var found = new List<(int Index, Candidate Candidate)>();
        if (asked > 0)
        {
            await using var reader = await select.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
                found.Add(
                    (
                        (int)reader.GetInt64(0) - 1,
                        new Candidate((MatchRule)reader.GetInt16(1), reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3))
                    )
                );
        }

        return found.ToLookup(pair => pair.Index, pair => pair.Candidate);
    }

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private static NpgsqlParameter Positions(IEnumerable<long> values) => new() { Value = values.ToArray() };

    private static NpgsqlParameter Rules(IEnumerable<MatchRule> rules) => new() { Value = rules.Select(rule => (short)rule).ToArray() };
}
