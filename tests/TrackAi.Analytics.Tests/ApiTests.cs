using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Tests;

public sealed class ApiTests(ApiHost api) : IClassFixture<ApiHost>
{
    private readonly string tenant = api.NewTenant();

    private Task<Answer> GetAsync(string path) => api.GetAsync(path, ApiHost.KeyOf(tenant));

    private async Task AppendAsync(ConversionReceived sale, params object[] events) =>
        await api.AppendAsync(tenant, Streams.Conversion(sale.ConversionId), [sale, .. events]);

    /// <summary>Two sent, one given up and one skipped, in two gateways and two currencies.</summary>
    private async Task AppendSomeAsync()
    {
        var (one, two) = (Facts.Received(tenant, "A1"), Facts.Received(tenant, "A2", gateway: "kiwify", at: Facts.Noon.AddHours(1)));
        var (three, four) = (
            Facts.Received(tenant, "A3", at: Facts.Noon.AddDays(-1)),
            Facts.Received(tenant, "A4", currency: "USD", at: Facts.Noon.AddDays(-8))
        );
        await AppendAsync(
            one,
            Facts.Matched(one),
            Facts.Requested(one),
            Facts.Failed(Facts.Requested(one)),
            Facts.Sent(Facts.Requested(one), 2)
        );
        await AppendAsync(two, Facts.Unmatched(two), Facts.Requested(two), Facts.Sent(Facts.Requested(two)));
        await AppendAsync(
            three,
            Facts.Matched(three, rule: MatchRule.ClickToken),
            Facts.Requested(three),
            Facts.Dead(Facts.Requested(three))
        );
        await AppendAsync(four, Facts.Skipped(four, "too_old"));
        await api.CaughtUpAsync();
    }

    [Fact]
    public async Task The_summary_adds_up_to_what_was_received()
    {
        await AppendSomeAsync();

        var summary = await GetAsync("dispatch-summary?period=30d");
        summary.Status.ShouldBe(HttpStatusCode.OK);
        summary.At("period").ShouldBe("""{"from":"2025-10-22","to":"2025-11-20","timeZone":"America/Sao_Paulo"}""");
        summary.At("totals").ShouldBe("""{"received":4,"sent":2,"waiting":0,"failed":0,"skipped":1,"dead":1,"successRatePct":66.67}""");
        summary.Each("days", "date").ShouldBe(["2025-11-12", "2025-11-19", "2025-11-20", "2025-11-20"]);
        summary.Each("days", "status").ShouldBe(["skipped", "dead", "sent", "sent"]);
        summary.Each("reasons", "reason").ShouldBe(["permanent", "too_old"]);
        summary.At("attempts.total").ShouldBe("4");
        summary.At("attempts.failed").ShouldBe("1");
        summary.At("attempts.latencyAvgMs").ShouldBe("74");

        (await GetAsync("dispatch-summary?period=7d&gateway=kiwify")).At("totals.received").ShouldBe("1");
        (await GetAsync("dispatch-summary?from=2025-11-12&to=2025-11-12")).At("totals.skipped").ShouldBe("1");
    }

    [Fact]
    public async Task The_match_rate_is_of_what_was_decided_with_one_share_a_rule()
    {
        await AppendSomeAsync();

        var rate = await GetAsync("match-rate");
        rate.At("totals").ShouldBe("""{"conversions":4,"matched":2,"unmatched":1,"undecided":1,"matchRatePct":66.67}""");
        rate.Each("rules", "rule").ShouldBe(["click_token", "fbp"]);
        rate.Each("rules", "sharePct").ShouldBe(["33.33", "33.33"]);
        rate.Each("days", "date").ShouldBe(["2025-11-12", "2025-11-19", "2025-11-20"]);
        rate.Each("days", "matchRatePct").ShouldBe(["", "100", "50"]);
        // What is undecided has no rule yet.
        rate.Each("gateways", "rule").ShouldBe(["click_token", "fbp", "unmatched"]);
    }

    [Fact]
    public async Task Amounts_in_the_log_that_no_sum_holds_do_not_break_the_figures()
    {
        foreach (var order in (string[])["A1", "A2", "A3"])
        {
            var sale = Facts.Received(tenant, order, amount: 197.90m, currency: order == "A3" ? "USD" : "BRL");
            await AppendAsync(sale, Facts.Matched(sale));
        }
        await api.CaughtUpAsync();
        // As an older version, or another program, appended them.
        await api.ExecuteAsync(
            $$"""
            update mt_events set data = jsonb_set(data, '{value,amount}', '0.1111111111111111111111111111')
            where tenant_id = '{{tenant}}' and stream_id = 'conversion-hotmart-A1' and type = 'conversion_received';
            update mt_events set data = jsonb_set(data, '{value,amount}', '7000000000000000000000000000.5')
            where tenant_id = '{{tenant}}' and stream_id = 'conversion-hotmart-A3' and type = 'conversion_received'
            """
        );
        foreach (var projection in (string[])["ConversionStatus", "DispatchSummary"])
            await api.Host.Services.GetRequiredService<ProjectionRebuilder>().RebuildAsync(projection);

        var rate = await GetAsync("match-rate");

        rate.Status.ShouldBe(HttpStatusCode.OK);
        rate.Each("gateways", "revenue").ShouldBe(["""{"BRL":198.011111,"USD":1000000000000}"""]);
        (await api.RowsAsync("select amount from conversion where tenant_id = $1 order by order_id", tenant)).ShouldBe([
            "0.111111",
            "197.90",
            "1000000000000",
        ]);
    }

    [Theory]
    [InlineData("dispatch-summary", "totals.received")]
    [InlineData("match-rate", "totals.conversions")]
    public async Task More_questions_than_connections_are_all_answered(string question, string count)
    {
        await AppendSomeAsync();
        var few = new NpgsqlConnectionStringBuilder(api.ConnectionString) { MaxPoolSize = 2, Timeout = 120 }.ConnectionString;
        await using var web = await api.StartAsync(new Dictionary<string, string?>(StringComparer.Ordinal), few);

        // Each takes two at once: one that has its first must not wait for others that have theirs.
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => ApiHost.GetAsync(web, question, ApiHost.KeyOf(tenant))));

        answers.ShouldAllBe(answer => answer.Status == HttpStatusCode.OK);
        answers.ShouldAllBe(answer => answer.At(count) == "4");
    }

    [Fact]
    public async Task Conversions_come_the_latest_first_a_page_at_a_time()
    {
        await AppendSomeAsync();

        var seen = new List<string>();
        var cursor = "";
        do
        {
            var page = await GetAsync($"conversions?limit=1{cursor}");
            seen.AddRange(page.Each("data", "conversionId"));
            cursor = page.At("next") is "null" ? "" : $"&cursor={page.At("next")}";
        } while (cursor.Length > 0);
        seen.ShouldBe(["kiwify-A2", "hotmart-A1", "hotmart-A3", "hotmart-A4"]);

        (await GetAsync("conversions?status=dead")).Each("data", "conversionId").ShouldBe(["hotmart-A3"]);
        (await GetAsync("conversions?status=sent&gateway=hotmart")).Each("data", "conversionId").ShouldBe(["hotmart-A1"]);
        (await GetAsync("conversions?period=24h")).Each("data", "conversionId").ShouldBe(["kiwify-A2", "hotmart-A1", "hotmart-A3"]);
        var first = await GetAsync("conversions?limit=500");
        first.At("next").ShouldBe("null");
        first.At("data.1.amount").ShouldBe("197");
        first.At("data.1.matchRule").ShouldBe("fbp");
        first.At("data.3.currency").ShouldBe("USD");
        first.At("data.3.matched").ShouldBe("null");
    }

    [Fact]
    public async Task Conversions_that_came_at_the_same_moment_are_neither_lost_nor_repeated_between_pages()
    {
        for (var order = 0; order < 7; order++)
        {
            var sale = Facts.Received(tenant, $"S{order}");
            await AppendAsync(sale);
        }
        await api.CaughtUpAsync();

        var one = await GetAsync("conversions?limit=3");
        var two = await GetAsync($"conversions?limit=3&cursor={one.At("next")}");
        var three = await GetAsync($"conversions?limit=3&cursor={two.At("next")}");
        string[] all = [.. one.Each("data", "orderId"), .. two.Each("data", "orderId"), .. three.Each("data", "orderId")];
        all.ShouldBe(["S6", "S5", "S4", "S3", "S2", "S1", "S0"]);
    }

    [Fact]
    public async Task Dead_letters_are_listed_until_they_are_asked_for_again()
    {
        await AppendSomeAsync();
        var other = Facts.Received(tenant, "A9");
        await AppendAsync(other, Facts.Requested(other), Facts.Dead(Facts.Requested(other)), Facts.Requested(other));
        await api.CaughtUpAsync();

        var dead = await GetAsync("dead-letters");
        dead.Each("data", "conversionId").ShouldBe(["hotmart-A3"]);
        dead.At("data.0.reason").ShouldBe("permanent");
        dead.At("data.0.code").ShouldBe("100");
        dead.At("data.0.subcode").ShouldBe("2804003");
        dead.At("data.0.error").ShouldBe("Invalid parameter");
        dead.At("data.0.eventName").ShouldBe("Purchase");
    }

    [Fact]
    public async Task Dead_letters_are_paged()
    {
        for (var order = 0; order < 5; order++)
        {
            var sale = Facts.Received(tenant, $"S{order}");
            await AppendAsync(sale, Facts.Requested(sale), Facts.Dead(Facts.Requested(sale)));
        }
        await api.CaughtUpAsync();

        var one = await GetAsync("dead-letters?limit=3");
        var two = await GetAsync($"dead-letters?limit=3&cursor={one.At("next")}");
        string[] all = [.. one.Each("data", "conversionId"), .. two.Each("data", "conversionId")];
        all.Distinct().Count().ShouldBe(5);
        two.At("next").ShouldBe("null");
    }

    [Fact]
    public async Task A_tenant_sees_nothing_of_another()
    {
        await AppendSomeAsync();
        var other = ApiHost.KeyOf(api.NewTenant());

        (await api.GetAsync("dispatch-summary", other)).At("totals.received").ShouldBe("0");
        (await api.GetAsync("match-rate", other)).At("totals.conversions").ShouldBe("0");
        (await api.GetAsync("conversions", other)).At("data").ShouldBe("[]");
        (await api.GetAsync("dead-letters", other)).At("data").ShouldBe("[]");
        (await api.GetAsync("conversions/hotmart-A1/timeline", other)).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("period=abc", "period")]
    [InlineData("period=", "period")]
    [InlineData("period=7", "period")]
    [InlineData("period=7d&period=30d", "period")]
    [InlineData("period=7d&from=2025-11-01&to=2025-11-02", "period")]
    [InlineData("from=2025-11-01", "to")]
    [InlineData("to=2025-11-01", "from")]
    [InlineData("from=01/11/2025&to=2025-11-02", "from")]
    [InlineData("from=2025-11-02&to=2025-11-01", "to")]
    [InlineData("from=2020-01-01&to=2025-11-01", "to")]
    [InlineData("from=0001-01-01&to=0001-01-02", "from")]
    [InlineData("gateway=Hotmart'--", "gateway")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=501", "limit")]
    [InlineData("limit=ten", "limit")]
    [InlineData("status=lost", "status")]
    [InlineData("cursor=nonsense", "cursor")]
    [InlineData("cursor=*", "cursor")]
    [InlineData("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OXxh", "cursor")]
    public async Task A_query_that_cannot_be_understood_is_400_and_names_the_field(string query, string field)
    {
        var answer = await GetAsync($"conversions?{query}");
        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.MediaType.ShouldBe("application/problem+json");
        answer.At("field").ShouldBe(field);
    }

    [Theory]
    [InlineData("dispatch-summary")]
    [InlineData("match-rate")]
    [InlineData("conversions")]
    [InlineData("conversions/hotmart-A1/timeline")]
    [InlineData("dead-letters")]
    public async Task Nothing_is_shown_without_a_good_key(string path)
    {
        foreach (var key in new[] { null, "wrong" })
        {
            var answer = await api.GetAsync(path, key);
            answer.Status.ShouldBe(HttpStatusCode.Unauthorized);
            answer.MediaType.ShouldBe("application/problem+json");
            answer.At("field").ShouldBe("x-api-key");
        }
    }

    [Fact]
    public async Task The_flag_switches_analytics_off()
    {
        await using var off = await api.StartAsync(
            new Dictionary<string, string?>(StringComparer.Ordinal) { ["FeatureManagement:analytics_views"] = "false" }
        );
        await using var on = await api.StartAsync(
            new Dictionary<string, string?>(StringComparer.Ordinal) { ["FeatureManagement:analytics_views"] = "true" }
        );

        var refused = await ApiHost.GetAsync(off, "match-rate", ApiHost.KeyOf(tenant));
        refused.Status.ShouldBe(HttpStatusCode.Forbidden);
        refused.At("detail").ShouldContain("analytics_views");
        (await ApiHost.GetAsync(on, "match-rate", ApiHost.KeyOf(tenant))).Status.ShouldBe(HttpStatusCode.OK);
        await off.StopAsync();
        await on.StopAsync();
    }
}
