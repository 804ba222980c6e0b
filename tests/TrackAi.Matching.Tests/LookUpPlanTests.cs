using System.Text.Json;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Matching.Tests;

public sealed class LookUpPlanTests(MatchingDatabase database) : IClassFixture<MatchingDatabase>
{
    public static TheoryData<string, string> LookUpStatements =>
        new() { { nameof(LookUps.Candidates), LookUps.Candidates }, { nameof(LookUps.OpenSales), LookUps.OpenSales } };

    [Theory]
    [MemberData(nameof(LookUpStatements))]
    public async Task Every_look_up_goes_by_an_index_whatever_the_statistics_know(string name, string sql)
    {
        // Before anything was analyzed, and after.
        (await ScannedAsync(sql)).ShouldBe([], $"{name} over new tables");
        await FillAsync();
        await database.ExecuteAsync("analyze match_key, match_link, match_open, match_consent");
        (await ScannedAsync(sql)).ShouldBe([], $"{name} over 50,000 rows");
    }

    [Fact]
    public async Task Matching_reads_its_tables_by_their_indexes_only()
    {
        await FillAsync();
        await database.ExecuteAsync("analyze match_key, match_link, match_open, match_consent");
        // Postgres counts what a connection did some time after it did it: one round may be told what went before it.
        const int Rounds = 3;
        for (var round = 1; await ReadSequentiallyAsync(round) is not 0 and var rows; round++)
            round.ShouldBeLessThan(Rounds, $"{rows} rows were read by a sequential scan of a look-up table");
    }

    private async Task<long> ReadSequentiallyAsync(int round)
    {
        var before = await ScansAsync();
        var person = new Person { Email = $"plan-{round}@example.com", Fbp = $"fb.1.1793890500123.100000000{round}" };
        var click = await database.ClickAsync(person);
        await database.CheckoutAsync(person);
        var sale = await database.SaleAsync(person, click);
        // The host's connections end with it, and Postgres counts what they did.
        await database.MatchAsync();
        (await database.DecisionAsync(sale)).ShouldBeOfType<ConversionMatched>();

        await Testing.Eventually.TrueAsync(async () => (await ScansAsync()).Index > before.Index, "Postgres to have counted the look-ups");
        return (await ScansAsync()).Sequential - before.Sequential;
    }

    private Task FillAsync() =>
        database.ExecuteAsync(
            """
            insert into match_key select 'acme', n % 10, sha256(n::text::bytea), now(), 'tk1_' || n, n from generate_series(1, 50000) n
            on conflict do nothing;
            insert into match_link select 'acme', n % 10, sha256(n::text::bytea), now(), n, array['\x0300'::bytea], null from generate_series(1, 50000) n
            on conflict do nothing;
            insert into match_open select 'acme', n % 10, sha256(n::text::bytea), now(), 'hotmart-' || n, n from generate_series(1, 50000) n
            on conflict do nothing;
            insert into match_consent select 'acme', sha256(n::text::bytea), n, true, now() from generate_series(1, 50000) n
            on conflict do nothing;
            """
        );

    /// <summary>Tables that the plan reads otherwise than by an index.</summary>
    private async Task<IReadOnlyList<string>> ScannedAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var connection = await source.OpenConnectionAsync();
        await using var explain = new NpgsqlCommand($"explain (format json) {sql}", connection);
        foreach (var parameter in Parameters(sql))
            explain.Parameters.Add(parameter);
        using var plan = JsonDocument.Parse((string)(await explain.ExecuteScalarAsync())!);
        return
        [
            .. Nodes(plan.RootElement[0].GetProperty("Plan"))
                .Where(node => node.TryGetProperty("Relation Name", out _))
                .Where(node => node.GetProperty("Node Type").GetString() is not ("Index Scan" or "Index Only Scan"))
                .Select(node => $"{node.GetProperty("Node Type").GetString()} of {node.GetProperty("Relation Name").GetString()}"),
        ];
    }

    // A page's worth of questions.
    private static NpgsqlParameter[] Parameters(string sql)
    {
        var many = Enumerable.Range(0, 500).ToArray();
        var (tenants, rules, hashes) = (
            RoundTrip.Varchars(many.Select(_ => "acme")),
            RoundTrip.Rules(many.Select(index => (MatchRule)(index % 10))),
            RoundTrip.Hashes(many.Select(index => BitConverter.GetBytes(index)))
        );
        var (positions, since, until) = (
            RoundTrip.Longs(many.Select(_ => 1_000_000L)),
            RoundTrip.Times(many.Select(_ => MatchingDatabase.Noon.AddDays(-7))),
            RoundTrip.Times(many.Select(_ => MatchingDatabase.Noon))
        );
        return sql != LookUps.OpenSales
            ? [tenants, rules, hashes, positions, since, until, RoundTrip.Varchars(many.Select(_ => "hotmart-1"))]
            : [new() { Value = many }, tenants, rules, hashes, positions, since, until];
    }

    private static IEnumerable<JsonElement> Nodes(JsonElement node) =>
        node.TryGetProperty("Plans", out var below) ? [node, .. below.EnumerateArray().SelectMany(Nodes)] : [node];

    // Rows, not scans: building the indexes scans the empty tables, and Postgres may count that late.
    private async Task<(long Sequential, long Index)> ScansAsync() =>
        (
            await database.ScalarAsync<long>(
                "select sum(seq_tup_read)::bigint from pg_stat_user_tables where relname like 'match_%' and relname not in ('match_rules', 'match_shadow')"
            ),
            await database.ScalarAsync<long>("select sum(idx_scan)::bigint from pg_stat_user_tables where relname like 'match_%'")
        );
}
