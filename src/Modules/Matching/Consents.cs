using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>Something a person or a click is known by, as a keyed hash, and the event it stands in.</summary>
internal readonly record struct ConsentKey(string TenantId, byte[] Hash, long Position);

/// <summary>
/// What visitors said about being reported to ad networks, under everything they are known by. The latest word before a sale counts for it, whichever
/// of their visits it came with.
/// </summary>
internal static class Consents
{
    public static (string? ClickId, bool Consent)? StatedBy(object @event) =>
        @event switch
        {
            ClickCaptured { Consent: { } consent } click => (click.ClickId, consent),
            PageviewCaptured { Consent: { } consent } pageview => (pageview.ClickId, consent),
            CheckoutInitiated { Consent: { } consent } checkout => (checkout.ClickId, consent),
            _ => null,
        };

    public static byte[] ClickKey(IPersonalData people, string tenant, string clickId) => people.LookupHash(tenant, "click", clickId);

    public static IEnumerable<ConsentKey> KeysOf(
        IPersonalData people,
        string tenant,
        string? clickId,
        ProtectedPerson? visitor,
        long position
    ) =>
        Keys.Of(people, tenant, visitor, position)
            .Select(key => key.Hash)
            .Concat(clickId is null ? [] : [ClickKey(people, tenant, clickId)])
            .Select(hash => new ConsentKey(tenant, hash, position));

    public static async Task AddAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<(ConsentKey Key, bool Consent)> stated,
        CancellationToken cancellationToken
    )
    {
        if (stated.Count == 0)
            return;
        await using var insert = new NpgsqlCommand(
            """
            insert into match_consent (tenant_id, hash, position, consent)
            select * from unnest($1, $2, $3, $4)
            on conflict do nothing
            """,
            connection
        )
        {
            Parameters =
            {
                Tenants(stated.Select(one => one.Key.TenantId)),
                new() { Value = stated.Select(one => one.Key.Hash).ToArray() },
                new() { Value = stated.Select(one => one.Key.Position).ToArray() },
                new() { Value = stated.Select(one => one.Consent).ToArray() },
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The latest word for each index that has one, in one round trip.</summary>
    public static async Task<IReadOnlyDictionary<int, bool>> FindAsync(
        NpgsqlConnection connection,
        IReadOnlyList<(int Index, ConsentKey Key)> keys,
        CancellationToken cancellationToken
    )
    {
        var found = new Dictionary<int, bool>();
        if (keys.Count == 0)
            return found;
        await using var select = new NpgsqlCommand(
            """
            select distinct on (k.index) k.index, c.consent
            from unnest($1, $2, $3, $4) k(index, tenant, hash, position)
            cross join lateral (
                select m.consent, m.position from match_consent m
                where m.tenant_id = k.tenant and m.hash = k.hash and m.position < k.position
                order by m.position desc limit 1
            ) c
            order by k.index, c.position desc
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = keys.Select(one => one.Index).ToArray() },
                Tenants(keys.Select(one => one.Key.TenantId)),
                new() { Value = keys.Select(one => one.Key.Hash).ToArray() },
                new() { Value = keys.Select(one => one.Key.Position).ToArray() },
            },
        };
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            found.Add(reader.GetInt32(0), reader.GetBoolean(1));
        return found;
    }

    private static NpgsqlParameter Tenants(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };
}
