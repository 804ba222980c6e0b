using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Tests;

/// <summary>Figures are kept by adding up changes; here they are compared with a count of the rows, after sequences that nobody thought of.</summary>
public sealed class CountersTests : IAsyncLifetime
{
    private readonly List<AnalyticsDatabase> databases = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var database in databases)
            await database.DisposeAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task Figures_equal_a_count_of_the_rows_whatever_the_order_and_the_pages(int pageSize)
    {
        var database = await StartAsync(pageSize);
        await AppendRandomAsync(database, new Random(pageSize), 600);
        await database.CaughtUpAsync();

        (
            await database.RowsAsync(
                """
                select tenant_id, date, gateway, funnel_id, kind, state, currency, match, dispatch_status, dispatch_reason, conversions, amount
                from conversion_daily order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
                """
            )
        ).ShouldBe(
            await database.RowsAsync(
                """
                select
                    tenant_id, date, gateway, coalesce(funnel_id, ''), kind, state, currency,
                    case when matched then match_rule when not matched then 'unmatched' else 'undecided' end,
                    dispatch_status, coalesce(dispatch_reason, ''), count(*), trim_scale(sum(amount))
                from conversion group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
                """
            )
        );
        (
            await database.RowsAsync(
                "select tenant_id, gateway, status, reason, sum(attempts), trim_scale(sum(latency_ms)) from dispatch_attempt_daily group by 1, 2, 3, 4 order by 1, 2, 3, 4"
            )
        ).ShouldBe(
            await database.RowsAsync(
                "select tenant_id, gateway, status, coalesce(reason, ''), count(*), trim_scale(sum(latency_ms)) from dispatch_attempt group by 1, 2, 3, 4 order by 1, 2, 3, 4"
            )
        );
        (
            await database.RowsAsync(
                """
                select tenant_id, date, total_events, dispatch_success, dispatch_failed, dispatch_skipped, dispatch_dead, dispatch_waiting,
                    matched, unmatched, revenue, reversed
                from analytics_metrics_daily where total_events <> 0 order by 1, 2
                """
            )
        ).ShouldBe(
            await database.RowsAsync(
                $"""
                select tenant_id, date, count(*), {Counted("dispatch_status = 'sent'")}, {Counted("dispatch_status = 'failed'")},
                    {Counted("dispatch_status = 'skipped'")}, {Counted("dispatch_status = 'dead'")}, {Counted(
                    "dispatch_status = 'waiting'"
                )},
                    {Counted("matched")}, {Counted("not matched")}, {Revenue("c.state in ('approved', 'refund_requested')")},
                    {Revenue("c.state in ('refunded', 'charged_back')")}
                from conversion t group by 1, 2 order by 1, 2
                """
            )
        );
        (
            await database.RowsAsync(
                "select tenant_id, day, conversions, matched, unmatched, match_rate, by_gateway, by_rule, revenue_matched, revenue_unmatched from v_match_rate_by_tenant order by 1, 2"
            )
        ).ShouldBe(
            await database.RowsAsync(
                $"""
                select tenant_id, date, count(*), {Counted("matched")}, {Counted("not matched")},
                    round(100.0 * {Counted("matched")} / nullif(count(matched), 0), 2),
                    coalesce((
                        select jsonb_object_agg(gateway, rate) from (
                            select c.gateway, round(100.0 * count(*) filter (where c.matched) / count(c.matched), 2) as rate from conversion c
                            where (c.tenant_id, c.date) = (t.tenant_id, t.date) and c.matched is not null group by c.gateway
                        ) rates
                    ), jsonb '{"{}"}'),
                    coalesce((
                        select jsonb_object_agg(match_rule, n) from (
                            select c.match_rule, count(*) as n from conversion c
                            where (c.tenant_id, c.date) = (t.tenant_id, t.date) and c.matched group by c.match_rule
                        ) rules
                    ), jsonb '{"{}"}'),
                    {Revenue("c.matched and c.state in ('approved', 'refund_requested')")},
                    {Revenue("c.matched is not true and c.state in ('approved', 'refund_requested')")}
                from conversion t group by 1, 2 order by 1, 2
                """
            )
        );
        (
            await database.RowsAsync("select tenant_id, gateway, status, day, conversions from v_dispatch_summary order by 1, 2, 3, 4")
        ).ShouldBe(
            await database.RowsAsync(
                "select tenant_id, gateway, dispatch_status, date, count(*) from conversion group by 1, 2, 3, 4 order by 1, 2, 3, 4"
            )
        );
        (
            await database.RowsAsync(
                "select tenant_id, date, attempts, latency_avg_ms from analytics_metrics_daily where attempts <> 0 order by 1, 2"
            )
        ).ShouldBe(
            await database.RowsAsync(
                $"""
                select a.tenant_id, d.date, count(*), round(avg(a.latency_ms) filter (where a.http_status is not null), 3)
                from dispatch_attempt a
                cross join lateral (
                    select (a.attempted_at at time zone case a.tenant_id when 'beta' then 'Asia/Tokyo' else 'America/Sao_Paulo' end)::date as date
                ) d
                group by 1, 2 order by 1, 2
                """
            )
        );
        (await database.RowsAsync("select tenant_id, date, clicks from visits_daily where clicks <> 0 order by 1, 2")).ShouldBe(
            await database.RowsAsync("select tenant_id, date, count(*) from click group by 1, 2 order by 1, 2")
        );
        (
            await database.RowsAsync(
                "select total_events - dispatch_success - dispatch_failed - dispatch_skipped - dispatch_dead - dispatch_waiting from analytics_metrics_daily group by 1"
            )
        ).ShouldBe(["0"]);
        (await database.ScalarAsync<long>("select count(*) from conversion")).ShouldBeGreaterThan(50);
    }

    [Fact]
    public async Task The_same_log_makes_the_same_rows_in_pages_of_any_size()
    {
        var dumps = new List<IReadOnlyList<string>>();
        foreach (var pageSize in new[] { 1, 13, 500 })
        {
            var database = await StartAsync(pageSize);
            await AppendRandomAsync(database, new Random(42), 400);
            await database.CaughtUpAsync();
            dumps.Add(
                await database.RowsAsync(
                    """
                    select 'conversion', to_jsonb(c)::text from conversion c
                    union all select 'dispatch', to_jsonb(d)::text from dispatch d
                    union all select 'decision', (to_jsonb(m) - 'sequence')::text from match_log m
                    union all select 'attempt', (to_jsonb(a) - 'sequence')::text from dispatch_attempt a
                    union all select 'metrics', to_jsonb(m)::text from analytics_metrics_daily m
                    order by 1, 2
                    """
                )
            );
        }

        dumps[1].ShouldBe(dumps[0]);
        dumps[2].ShouldBe(dumps[0]);
        dumps[0].Count.ShouldBeGreaterThan(200);
    }

    [Fact]
    public async Task A_projection_run_again_beside_the_tables_makes_the_same_rows_and_touches_no_table_but_its_own()
    {
        var database = await StartAsync(100);
        await AppendRandomAsync(database, new Random(7), 300);
        await database.CaughtUpAsync();

        foreach (var projection in database.Host.Services.GetServices<IProjection>())
        {
            var shadow = $"shadow_{projection.Name}";
            await database.ExecuteAsync($"create schema {shadow}");
            foreach (var table in projection.Tables)
                await database.ExecuteAsync($"create table {shadow}.{table} (like public.{table} including all)");

            await using var connection = await database.DataSource.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await using (var path = new NpgsqlCommand($"set local search_path = {shadow}", connection))
                await path.ExecuteNonQueryAsync();
            var wanted = projection.EventTypes.ToHashSet();
            await foreach (
                var page in database.Host.Store.ReadAllAsync().Where(recorded => wanted.Contains(recorded.Data.GetType())).Chunk(64)
            )
                await projection.ApplyAsync(page, connection, CancellationToken.None);
            await transaction.CommitAsync();

            foreach (var table in projection.Tables)
                (await database.RowsAsync($"select to_jsonb(t)::text from {shadow}.{table} t order by 1")).ShouldBe(
                    await database.RowsAsync($"select to_jsonb(t)::text from public.{table} t order by 1"),
                    table
                );
        }
    }

    private static string Counted(string which) => $"count(*) filter (where {which})";

    /// <summary>Of the conversions of a tenant's day <c>t</c>, an amount for each currency that has one.</summary>
    private static string Revenue(string which) =>
        $"""
            coalesce((
                select jsonb_object_agg(currency, amount) from (
                    select c.currency, trim_scale(sum(c.amount)) as amount from conversion c
                    where (c.tenant_id, c.date) = (t.tenant_id, t.date) and {which} group by c.currency
                ) amounts where amount <> 0
            ), jsonb '{"{}"}')
            """;

    private async Task<AnalyticsDatabase> StartAsync(int pageSize)
    {
        var database = new PagedDatabase(pageSize);
        databases.Add(database);
        await database.InitializeAsync();
        return database;
    }

    /// <summary>Mostly lives of sales as they come, and now and then something that should not happen.</summary>
    private static async Task AppendRandomAsync(AnalyticsDatabase database, Random random, int steps)
    {
        string[] tenants = ["acme", "beta"];
        await database.AppendAsync("beta", Streams.Tenant("beta"), Facts.Tenant("beta", "Asia/Tokyo"));
        var sales = new List<(string Tenant, ConversionReceived Sale)>();
        for (var step = 0; step < steps; step++)
        {
            var tenant = tenants[random.Next(tenants.Length)];
            if (sales.Count == 0 || random.Next(5) == 0)
            {
                var received = Facts.Received(
                    tenant,
                    $"O{step}",
                    (PaymentState)random.Next(3),
                    amount: random.Next(1, 100_000) / 100m,
                    currency: random.Next(3) == 0 ? "USD" : "BRL",
                    gateway: random.Next(2) == 0 ? "kiwify" : "hotmart",
                    at: Facts.Noon.AddMinutes(random.Next(0, 4000)),
                    kind: random.Next(6) == 0 ? ConversionKind.Renewal : ConversionKind.Sale
                );
                sales.Add((tenant, received));
                await database.AppendAsync(tenant, Streams.Conversion(received.ConversionId), received);
                await database.AppendAsync(tenant, $"click-{step}", Facts.Click($"tk1_{step}", received.OccurredAt));
                continue;
            }

            var (of, sale) = sales[random.Next(sales.Count)];
            var dispatch = Facts.Requested(
                sale,
                random.Next(2) == 0 ? "111" : "222",
                random.Next(4) == 0 ? "InitiateCheckout" : "Purchase"
            );
            object next = random.Next(9) switch
            {
                0 => Facts.Matched(sale, rule: (MatchRule)random.Next(6)) with { FunnelId = FunnelOf(step) },
                1 => Facts.Unmatched(sale) with { FunnelId = FunnelOf(step) },
                2 or 3 => dispatch,
                4 => Facts.Sent(dispatch, random.Next(1, 4), random.NextDouble() * 500),
                5 => Facts.Failed(dispatch, random.Next(1, 4), random.Next(2) == 0 ? null : 500),
                6 => Facts.Dead(dispatch, random.Next(1, 4), random.Next(2) == 0 ? null : 400),
                7 => Facts.Skipped(sale, random.Next(2) == 0 ? "no_pixel" : "too_old", dispatch.EventName),
                _ => Facts.Changed(sale, PaymentState.Pending, (PaymentState)random.Next(6), random.Next(1, 100_000) / 100m),
            };
            await database.AppendAsync(of, Streams.Conversion(sale.ConversionId), next);
        }
    }

    private static string? FunnelOf(int step) =>
        (step % 3) switch
        {
            0 => null,
            1 => "curso",
            _ => "mentoria",
        };

    private sealed class PagedDatabase(int pageSize) : AnalyticsDatabase
    {
        protected override IReadOnlyDictionary<string, string?> Settings { get; } =
            new Dictionary<string, string?> { ["EventStore:PageSize"] = $"{pageSize}" };
    }
}
