using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>Decides the sales of the log once more, by the rules in force and by others, as of all that is known now. Nothing is written.</summary>
internal sealed class WhatIf(
    PostgresEventStore store,
    NpgsqlDataSource database,
    IPersonalData people,
    OpenPeople open,
    ITenantDirectory tenants,
    RuleBook book,
    SharedAddresses shared,
    MatchingOptions options,
    TimeProvider time
)
{
    private const int SalesAtATime = 500;

    private static readonly string SaleType = EventSerializer.AliasOf(typeof(ConversionReceived));

    public async Task<WhatIfReport> RunAsync(
        MatchRuleSet others,
        string? tenant,
        DateTimeOffset? from,
        DateTimeOffset? to,
        Action<long, long> progress,
        CancellationToken cancellationToken
    )
    {
        var mark = await store.ReadHighWaterMarkAsync(cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rules = (await book.ReadAsync(connection, cancellationToken)).At(long.MaxValue);
        var keptFrom = ForgetOldLookUps.Horizon(options, time.GetUtcNow());
        var (sales, matched, wouldMatch, notJudged, partlyJudged) = (0L, 0L, 0L, 0L, 0L);
        var differences = new List<MatchDifference>();
        var page = new List<StreamId>(SalesAtATime);
        await foreach (var recorded in store.ReadAllAsync(0, mark, cancellationToken))
        {
            if (
                recorded.Type == SaleType
                && recorded.Timestamp >= (from ?? default)
                && recorded.Timestamp < (to ?? DateTimeOffset.MaxValue)
            )
                if (tenant is null || recorded.TenantId == tenant)
                    page.Add(recorded.Stream);
            if (page.Count < SalesAtATime)
                continue;
            await DecideAsync(recorded.Sequence);
        }

        await DecideAsync(mark);
        return new WhatIfReport(
            others.Name,
            rules.Version,
            from,
            to,
            sales,
            matched,
            wouldMatch,
            keptFrom,
            await WithCampaignsAsync(differences, cancellationToken)
        )
        {
            NotJudged = notJudged,
            PartlyJudged = partlyJudged,
        };

        async Task DecideAsync(long position)
        {
            foreach (var (ask, one, other) in await BothAsync(page, rules, others, connection, cancellationToken))
            {
                if (ask.Sale.Received.OccurredAt < keptFrom)
                {
                    notJudged++;
                    continue;
                }

                sales++;
                partlyJudged += ask.WindowFrom < keptFrom ? 1 : 0;
                matched += one is ConversionMatched ? 1 : 0;
                wouldMatch += other is ConversionMatched ? 1 : 0;
                if (Difference.Between(ask.Sale, one, other) is { } difference)
                    differences.Add(difference);
            }

            page.Clear();
            progress(position, mark);
        }
    }

    private async Task<IReadOnlyList<(Ask Ask, object One, object Other)>> BothAsync(
        IReadOnlyCollection<StreamId> page,
        RulesFrom rules,
        MatchRuleSet others,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var sales = new Sales(people, open, store.ReadStreamsAsync);
        await sales.ReadAsync(page, cancellationToken);
        var asks = page.Select(stream => sales.AsOf(stream, long.MaxValue))
            .OfType<SaleSeen>()
            .Select(
                (sale, index) =>
                    new Ask(
                        index,
                        sale,
                        long.MaxValue,
                        tenants.FindFunnel(sale.Stream.TenantId, sale.Received.Gateway, sale.Received.ProductId),
                        rules,
                        others
                    )
            )
            .ToArray();
        var found = new FoundClicks();
        await new RoundTrip(connection).FindAsync([.. asks.SelectMany(ask => ask.Questions())], found, connection, cancellationToken);
        var now = time.GetUtcNow();
        return [.. asks.Select(ask => (ask, ask.Decide(found, ask.Before, shared, now), ask.DecideOtherwise(found, shared, now)))];
    }

    // The campaign that gains or loses the sale is the click's.
    private async Task<IReadOnlyList<MatchDifference>> WithCampaignsAsync(
        List<MatchDifference> differences,
        CancellationToken cancellationToken
    )
    {
        var told = new List<MatchDifference>(differences.Count);
        foreach (var some in differences.Chunk(SalesAtATime))
        {
            var clicks = await store.ReadStreamsAsync([.. some.Select(ClickOf)], cancellationToken);
            told.AddRange(
                some.Select(one =>
                    clicks[ClickOf(one)].FirstOrDefault()?.Data is ClickCaptured { Campaign.UtmCampaign: { } campaign }
                        ? one with
                        {
                            Campaign = campaign,
                        }
                        : one
                )
            );
        }

        return told;
    }

    private static StreamId ClickOf(MatchDifference difference) =>
        new(difference.TenantId, Streams.Click((difference.WouldClickId ?? difference.WasClickId)!));
}
