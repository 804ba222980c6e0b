using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching.Tests;

/// <summary>Somebody known by very much, and what very many are known by, costs a sale no more than a bounded look.</summary>
public sealed class CrowdTests(MatchingDatabase database) : IClassFixture<MatchingDatabase>
{
    private const int Sales = 120;

    // By one identifier: itself and twenty others, ten clicks of each, once as they come and once by the time of the sale.
    private const int MostRowsByPerson = 2 * (40 + 20 * 12);

    [Fact]
    public async Task A_person_with_sixty_browsers_that_clicked_all_day_is_joined_to_the_last_click_and_costs_no_more_than_one_with_twenty()
    {
        var person = new Person
        {
            Email = "many@example.com",
            Phone = "11987650088",
            ExternalId = "many",
        };
        await InParallelAsync(
            60,
            async browser =>
            {
                var known = new Person { Fbp = $"fb.1.1793890500123.30000{browser:00000}" };
                for (var click = 0; click < 12; click++)
                    await database.ClickAsync(
                        known,
                        MatchingDatabase.Noon.AddMinutes(-10 * click - browser),
                        clickId: Token(browser, click)
                    );
                await database.CheckoutAsync(person with { Fbp = known.Fbp });
            }
        );
        await database.MatchAsync();

        var sales = new StreamId[Sales];
        await InParallelAsync(Sales, async sale => sales[sale] = await database.SaleAsync(person));
        var read = await ReadDuringAsync(database.MatchAsync);

        read.ShouldBeLessThan(Sales * 3 * MostRowsByPerson);
        var matched = (await database.DecisionsAsync(sales[^1]))[^1].ShouldBeOfType<ConversionMatched>();
        matched.Rule.ShouldBe(MatchRule.EmailHash);
        matched.ClickedAt.ShouldBeGreaterThanOrEqualTo(MatchingDatabase.Noon.AddMinutes(-60));
        matched.Tried.Single(tried => tried.Rule == MatchRule.EmailHash).HasMore.ShouldBe(true);
        matched.Candidates.Count(candidate => candidate.Rule == MatchRule.EmailHash).ShouldBeInRange(20, 22);
    }

    [Fact]
    public async Task A_phone_that_a_shop_types_for_everybody_opens_the_sales_of_a_few_again_and_then_nobodys()
    {
        var sales = new StreamId[2 * Sales];
        await InParallelAsync(
            sales.Length,
            async sale =>
                sales[sale] = await database.SaleAsync(
                    new Person
                    {
                        Email = $"crowd-{sale}@example.com",
                        Phone = "11987650099",
                        Fbp = $"fb.1.1793890500123.40000{sale:00000}",
                    }
                )
        );
        await database.MatchAsync();

        // Of its first fifty each later one finds twenty open; then the phone is no one person's any more.
        (await database.OpenedByAsync("5511987650099", 10)).ShouldBe(9);
        (await database.OpenedByAsync("5511987650099", 40)).ShouldBe(20);
        (await database.OpenedByAsync("5511987650099", sales.Length)).ShouldBe(0);
        foreach (var sale in (StreamId[])[sales[0], sales[^1]])
            (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionUnmatched>();
    }

    [Fact]
    public async Task A_token_that_hundreds_of_sales_carry_is_looked_up_once_for_each()
    {
        var click = await database.ClickAsync(new Person { Fbp = "fb.1.1793890500123.6000000001" });
        await database.MatchAsync();

        var sales = new StreamId[Sales];
        await InParallelAsync(
            Sales,
            async sale => sales[sale] = await database.SaleAsync(new Person { Email = $"token-{sale}@example.com" }, click)
        );
        var read = await ReadDuringAsync(database.MatchAsync);

        read.ShouldBeInRange(Sales, 2 * Sales);
        foreach (var sale in sales)
            (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>().ClickId.ShouldBe(click);
    }

    private static string Token(int browser, int click) => $"tk1_{browser:00000000}{click:00000000}";

    private static Task InParallelAsync(int count, Func<int, Task> make) =>
        Parallel.ForEachAsync(Enumerable.Range(0, count), async (index, _) => await make(index));

    /// <summary>How many clicks Postgres read meanwhile.</summary>
    private async Task<long> ReadDuringAsync(Func<Task> act)
    {
        const string Read = "select sum(idx_tup_fetch)::bigint from pg_stat_user_tables where relname = 'match_key'";
        const string Connected =
            "select count(*) from pg_stat_activity where datname = current_database() and backend_type = 'client backend'";
        var (before, connected) = (await database.ScalarAsync<long>(Read), await database.ScalarAsync<long>(Connected));
        await act();
        // A connection tells what it read at the latest when it ends.
        await Testing.Eventually.TrueAsync(
            async () => await database.ScalarAsync<long>(Connected) <= connected,
            "the host's connections to be gone"
        );
        return await database.ScalarAsync<long>(Read) - before;
    }
}
