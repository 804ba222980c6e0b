using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>Notes what the rules in the shadow would have decided otherwise. Nothing reads it but the report.</summary>
internal static class Shadow
{
    public static async Task NoteAsync(
        IReadOnlyCollection<Ask> asks,
        FoundClicks found,
        SharedAddresses shared,
        DateTimeOffset now,
        bool isNew,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var both = asks.Select(ask =>
                (ask.Sale, Is: ask.Decide(found, ask.Before, shared, now), Would: ask.DecideOtherwise(found, shared, now))
            )
            .ToArray();
        if (both.Length == 0)
            return;
        var trip = new RoundTrip(connection);
        if (isNew)
            Count(trip, both.Length, both.Count(one => one.Is is ConversionMatched), both.Count(one => one.Would is ConversionMatched));
        // Of several decisions about a sale in one page the last one stands.
        var last = both.GroupBy(one => one.Sale.Stream).Select(group => group.Last()).ToArray();
        Forget(trip, last.Select(one => one.Sale));
        Add(trip, [.. last.Select(one => Difference.Between(one.Sale, one.Is, one.Would)).OfType<MatchDifference>()]);
        await trip.ExecuteAsync(cancellationToken);
    }

    private static void Count(RoundTrip trip, int sales, int matched, int wouldMatch) =>
        trip.Add(
            "update match_shadow set sales = sales + $1, matched = matched + $2, would_match = would_match + $3",
            new NpgsqlParameter { Value = sales },
            new NpgsqlParameter { Value = matched },
            new NpgsqlParameter { Value = wouldMatch }
        );

    private static void Forget(RoundTrip trip, IEnumerable<SaleSeen> sales)
    {
        var all = sales.ToArray();
        trip.Add(
            """
            delete from match_shadow_difference d using unnest($1, $2) s(tenant, conversion)
            where d.tenant_id = s.tenant and d.conversion_id = s.conversion
            """,
            RoundTrip.Varchars(all.Select(sale => sale.Stream.TenantId)),
            RoundTrip.Varchars(all.Select(sale => sale.Received.ConversionId))
        );
    }

    private static void Add(RoundTrip trip, IReadOnlyCollection<MatchDifference> differences)
    {
        if (differences.Count > 0)
            trip.Add(
                """
                insert into match_shadow_difference
                    (tenant_id, conversion_id, was, was_click_id, would, would_click_id, campaign, amount, currency)
                select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
                """,
                RoundTrip.Varchars(differences.Select(one => one.TenantId)),
                RoundTrip.Varchars(differences.Select(one => one.ConversionId)),
                new NpgsqlParameter { Value = differences.Select(one => (short?)one.Was).ToArray() },
                RoundTrip.Varchars(differences.Select(one => one.WasClickId)),
                new NpgsqlParameter { Value = differences.Select(one => (short?)one.Would).ToArray() },
                RoundTrip.Varchars(differences.Select(one => one.WouldClickId)),
                RoundTrip.Varchars(differences.Select(one => one.Campaign)),
                new NpgsqlParameter { Value = differences.Select(one => one.Value.Amount).ToArray() },
                RoundTrip.Varchars(differences.Select(one => one.Value.Currency))
            );
    }
}

internal static class Difference
{
    /// <summary>Null where both come to the same click by the same rule.</summary>
    public static MatchDifference? Between(SaleSeen sale, object one, object other)
    {
        var (was, would) = (one as ConversionMatched, other as ConversionMatched);
        return (was?.Rule, was?.ClickId) == (would?.Rule, would?.ClickId)
            ? null
            : new MatchDifference(
                sale.Stream.TenantId,
                sale.Received.ConversionId,
                was?.Rule,
                was?.ClickId,
                would?.Rule,
                would?.ClickId,
                sale.Slots.UtmCampaign,
                sale.Received.Value
            );
    }
}
