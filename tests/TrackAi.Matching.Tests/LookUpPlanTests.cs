using TrackAi.Contracts;

namespace TrackAi.Matching.Tests;

public sealed class LookUpPlanTests(MatchingDatabase database) : IClassFixture<MatchingDatabase>
{
    [Fact]
    public async Task Matching_reads_its_tables_by_their_indexes_only()
    {
        await database.ExecuteAsync(
            """
            insert into match_click select 'acme', 'tk1_' || n, now(), n from generate_series(1, 20000) n;
            insert into match_key select 'acme', n % 6, sha256(n::text::bytea), now(), 'tk1_' || n, n from generate_series(1, 20000) n;
            """
        );
        await database.ExecuteAsync("analyze match_click, match_key");
        var before = await ScansAsync();

        var person = new Person { Email = "plan@example.com", Fbp = "fb.1.1793890500123.1000000009" };
        var click = await database.ClickAsync(person);
        await database.CheckoutAsync(person);
        var sale = await database.SaleAsync(person, click);
        // The host's connections end with it, and Postgres counts what they did.
        await database.MatchAsync();
        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();

        await Testing.Eventually.TrueAsync(async () => (await ScansAsync()).Index > before.Index, "Postgres to have counted the look-ups");
        (await ScansAsync()).Sequential.ShouldBe(before.Sequential, "a sequential scan of a look-up table");
    }

    private async Task<(long Sequential, long Index)> ScansAsync() =>
        (
            await database.ScalarAsync<long>(
                "select sum(seq_scan)::bigint from pg_stat_user_tables where relname in ('match_click', 'match_key')"
            ),
            await database.ScalarAsync<long>(
                "select sum(idx_scan)::bigint from pg_stat_user_tables where relname in ('match_click', 'match_key')"
            )
        );
}
