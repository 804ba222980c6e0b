using System.Text;
using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>The go-live checklist: the program as it is run in production, its own command line, HTTP and SQL.</summary>
public sealed class GoLiveTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    private const string Tenant = "test-tenant-001";
    private const string Secret = "S";

    [Fact]
    public async Task The_seven_steps()
    {
        await server.StopAsync();
        await using var host = await HostProcess.ServeAsync(server.Settings);
        server.MakeTokenValid("T");
        await RunAsync("tenants", "add", Tenant, "--name", "MVP Test Account");
        await RunAsync("gateways", "set", Tenant, "perfectpay", "--secret", Secret);
        await RunAsync("pixels", "set", Tenant, "123456789012345", "--token", "T");
        await RunAsync("funnels", "add", Tenant, "test-funnel-001", "--gateway", "hotmart", "--product", "testhotmart");
        (await CountAsync("tenant where slug = 'test-tenant-001' and name = 'MVP Test Account' and status = 'active'")).ShouldBe(1);
        (await CountAsync("funnel where tenant_id = 'test-tenant-001'")).ShouldBe(1);

        // 1, 2: a click.
        var click = await PostAsync(
            host,
            "/api/v1/track/click",
            """{"fbclid":"IwZXh0bgNhZW0BMEXEMPLO","utm_source":"facebook","utm_campaign":"golive","event_source_url":"https://example.com/"}""",
            ("x-tenant-id", Tenant)
        );
        click.Code.ShouldBe(201, click.Text);
        var clickId = click.Json.GetProperty("id").GetString();
        await HasRowsAsync($"click where tenant_id = '{Tenant}' and click_id = '{clickId}'", 1);

        // 3: a signed sale.
        var sale =
            $$"""{"order_id":"ORDER-001","customer":{"email":"test@example.com","phone":"11999999999"},"amount":297.5,"currency":"BRL","status":"approved","click_id":"{{clickId}}"}""";
        var accepted = await DeliverAsync(host, sale);
        accepted.Code.ShouldBe(202, accepted.Text);
        accepted.Json.GetProperty("ok").GetBoolean().ShouldBeTrue();
        accepted.IsDuplicate.ShouldBeFalse();

        // 4: conversion and match.
        await HasRowsAsync($"conversion where tenant_id = '{Tenant}' and conversion_id = 'perfectpay-ORDER-001' and amount = 297.5", 1);
        await HasRowsAsync(
            $"match_log where tenant_id = '{Tenant}' and conversion_id = 'perfectpay-ORDER-001' and matched and click_id = '{clickId}'",
            1
        );

        // 5: Meta.
        await HasRowsAsync(
            $"dispatch_attempt where tenant_id = '{Tenant}' and conversion_id = 'perfectpay-ORDER-001' and status = 'sent' and http_status = 200",
            1
        );
        var purchase = server.AtMeta("ORDER-001").ShouldHaveSingleItem();
        purchase.EventId.ShouldBe(accepted.Json.GetProperty("event_id").GetString());
        purchase.EventName.ShouldBe("Purchase");
        purchase.Event.GetProperty("user_data").GetProperty("fbc").GetString().ShouldNotBeNull().ShouldEndWith(".IwZXh0bgNhZW0BMEXEMPLO");

        // 6: the reports.
        await HasRowsAsync($"v_dispatch_summary where tenant_id = '{Tenant}' and gateway = 'perfectpay' and status = 'sent'", 1);
        await HasRowsAsync($"v_match_rate_by_tenant where tenant_id = '{Tenant}' and match_rate = 100", 1);
        await HasRowsAsync($"analytics_metrics_daily where tenant_id = '{Tenant}' and total_events = 1 and dispatch_success = 1", 1);
        await HasRowsAsync($"dedupe_registry where tenant_id = '{Tenant}'", 1);
        var health = JsonElement.Parse(await host.Http.GetStringAsync("/health"));
        health.GetProperty("status").GetString().ShouldBe("ok");
        health.GetProperty("db").GetString().ShouldBe("connected");
        health.GetProperty("uptime").GetInt64().ShouldBeGreaterThanOrEqualTo(0);
        health.GetProperty("queue").GetProperty("waiting").GetInt64().ShouldBe(0);

        // 7: the same delivery again.
        await ProjectedAsync();
        var rows = await server.CountRowsAsync();
        var again = await DeliverAsync(host, sale);
        again.Code.ShouldBe(202, again.Text);
        again.IsDuplicate.ShouldBeTrue();
        again.Json.GetProperty("event_id").GetString().ShouldBe(purchase.EventId);
        (await server.CountRowsAsync()).ShouldBe(rows);
        server.Meta.Requests.ShouldBe(1);

        // And the program's own checklist against itself.
        var (_, key) = await HostProcess.RunAsync(server.Settings, "api-keys", "add", Tenant, "--json");
        var (code, output) = await HostProcess.RunAsync(
            server.Settings,
            "smoke",
            "--url",
            host.Http.BaseAddress!.ToString().TrimEnd('/'),
            "--secret",
            Secret,
            "--api-key",
            JsonElement.Parse(key).GetProperty("key").GetString()!
        );
        code.ShouldBe(0, output);

        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select count(*) = 2 from dispatch_attempt where status = 'sent'"),
            "both sales to be in the read models"
        );

        // What an operator does while it serves: every decision made again is the recorded one, the read models built anew are the same.
        var (replayed, decisions) = await HostProcess.RunAsync(server.Settings, "replay", "--from", "1");
        replayed.ShouldBe(0, decisions);
        decisions.ShouldContain("→ Matching: same");
        decisions.ShouldContain("→ Dispatch: same");
        decisions.ShouldContain(" 0 differ.");
        await ProjectedAsync();
        rows = await server.CountRowsAsync();
        (await HostProcess.RunAsync(server.Settings, "projections", "rebuild", "--all")).ExitCode.ShouldBe(0);
        var (asserted, differences) = await HostProcess.RunAsync(server.Settings, "db", "assert");
        asserted.ShouldBe(0, differences);
        (await server.CountRowsAsync()).ShouldBe(rows);

        (await host.TerminateAsync()).ShouldBe(0, host.Output);
    }

    [Fact]
    public async Task Every_relation_that_is_promised_is_there()
    {
        foreach (
            var relation in (string[])
                [
                    "tenant",
                    "funnel",
                    "click",
                    "pageview",
                    "checkout",
                    "conversion",
                    "match_log",
                    "dispatch_attempt",
                    "dedupe_registry",
                    "v_dispatch_summary",
                    "v_match_rate_by_tenant",
                    "analytics_metrics_daily",
                    "mt_streams",
                    "mt_events",
                    "mt_event_progression",
                ]
        )
            (await CountAsync($"(select from public.{relation}) r")).ShouldBeGreaterThanOrEqualTo(0);
    }

    private async Task RunAsync(params string[] arguments)
    {
        var (code, output) = await HostProcess.RunAsync(server.Settings, arguments);
        code.ShouldBe(0, output);
    }

    private static Task<Answer> DeliverAsync(HostProcess host, string sale) =>
        PostAsync(
            host,
            $"/api/v1/webhooks/perfectpay/{Tenant}",
            sale,
            ("x-perfectpay-signature", Seller.Sign(Encoding.UTF8.GetBytes(sale), Secret))
        );

    private static async Task<Answer> PostAsync(HostProcess host, string path, string body, (string Name, string Value) header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add(header.Name, header.Value);
        using var response = await host.Http.SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }

    /// <summary>Waits until every read model of the process that serves has seen all that is in the log now.</summary>
    private Task ProjectedAsync() =>
        Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    """
                    select coalesce(bool_and(p.last_seq_id >= (select max(seq_id) from mt_events)), false)
                    from es_shard s join mt_event_progression p on p.name = s.name
                    """
                ),
            "every read model shows all there is"
        );

    private Task<long> CountAsync(string what) => server.Database.ScalarAsync<long>($"select count(*) from {what}");

    private Task HasRowsAsync(string what, long rows) =>
        Eventually.TrueAsync(async () => await CountAsync(what) == rows, $"{rows} rows in {what}");
}
