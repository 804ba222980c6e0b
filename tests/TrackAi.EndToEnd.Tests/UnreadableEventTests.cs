using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>An event of one sale cannot be read: the tools say which, show the rest, and serve everybody else.</summary>
public sealed class UnreadableEventTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_sale_that_was_skipped_everywhere_is_decided_and_sent_once_it_is_mended_and_replayed()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        await server.Host.SettledAsync();
        await server.Database.ExecuteAsync(
            $$"""
            create function spoil() returns trigger language plpgsql as
            $body$ begin new.data := jsonb_set(new.data, '{kind}', '"Zzz"'); return new; end $body$;
            create trigger spoil before insert on mt_events for each row
            when (new.stream_id = 'conversion-perfectpay-{{order}}' and new.type = 'conversion_received') execute function spoil()
            """
        );
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Database.ExecuteAsync("drop function spoil cascade");
        var position = await server.Database.ScalarAsync<long>(
            "select seq_id from mt_events where stream_id = $1 and version = 1",
            $"conversion-perfectpay-{order}"
        );
        await Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    """
                    select bool_and(s.state = 'stopped' or p.last_seq_id >= $1) and bool_or(s.name = 'Matching:All' and s.state = 'stopped')
                    from es_shard s left join mt_event_progression p on p.name = s.name
                    """,
                    position
                ),
            "whatever reads the sale stops at it"
        );
        foreach (var stopped in await StoppedAsync())
            (await RunAsync("projections", "skip", stopped)).Code.ShouldBe(0);
        await server.Host.SettledAsync();

        var (code, output) = await RunAsync("projections", "skipped", "matching");
        code.ShouldBe(0, output);
        output.ShouldContain($"subscription  {position}");
        output.ShouldContain($"{seller.Tenant}/conversion-perfectpay-{order}");
        (code, output) = await RunAsync("projections", "replay", "Matching");
        code.ShouldBe(1, output);
        output.ShouldContain("failed again and stays a dead letter: UnreadableEventException");
        await MendAsync(order, "kind", "Sale");

        (code, output) = await RunAsync("verify");
        code.ShouldBe(1, output);
        output.ShouldContain($"undecided: tenant {seller.Tenant}, conversion-perfectpay-{order}");
        output.ShouldContain($"'projections replay Matching --event {position}'");

        (code, output) = await RunAsync("projections", "replay", "Matching", "--event", $"{position}");
        code.ShouldBe(0, output);
        output.ShouldContain($"event {position} (conversion_received, stream {seller.Tenant}/conversion-perfectpay-{order}): handled");
        await server.ArrivedAsync(order);
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);

        (await RunAsync("projections", "replay", "People")).Code.ShouldBe(0);
        (code, output) = await RunAsync("projections", "replay", "Conversions");
        code.ShouldBe(1, output);
        output.ShouldContain("'projections rebuild Conversions'");
        (await RunAsync("projections", "rebuild", "--all")).Code.ShouldBe(0);
        (await RunAsync("projections", "skipped")).ShouldBe((0, "Nothing was skipped."));
        (await RunAsync("projections", "replay", "Matching")).ShouldBe((0, "Nothing was skipped: there is nothing to replay."));
        (code, output) = await RunAsync("projections", "replay", "Matching", "--event", $"{position}");
        code.ShouldBe(1, output);
        foreach (
            var verb in (string[][])
                [
                    ["verify"],
                    ["replay", $"conversion-perfectpay-{order}", "--tenant", seller.Tenant],
                ]
        )
        {
            (code, output) = await RunAsync(verb);
            code.ShouldBe(0, output);
        }
    }

    [Fact]
    public async Task Every_tool_names_the_event_that_cannot_be_read_and_goes_on_with_the_others()
    {
        var (seller, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        var (order, well) = (seller.NewOrder(), other.NewOrder());
        (await seller.DeliverAsync(Seller.Sale(order, clickId: await seller.ClickAsync()))).Code.ShouldBe(202);
        (await other.DeliverAsync(Seller.Sale(well))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await MendAsync(order, "state", "Nope");
        var position = await server.Database.ScalarAsync<long>(
            "select seq_id from mt_events where stream_id = $1 and version = 1",
            $"conversion-perfectpay-{order}"
        );

        var (code, output) = await RunAsync("explain", $"perfectpay-{order}", "--tenant", seller.Tenant);
        code.ShouldBe(0, output);
        output.ShouldContain($"Event {position} of type 'conversion_received' does not fit");
        output.ShouldContain("Joined to click");

        (code, output) = await RunAsync("dispatch", "preview", $"perfectpay-{order}", "--tenant", seller.Tenant);
        code.ShouldBe(1, output);
        output.ShouldContain($"Event {position} ");
        output.ShouldNotContain("   at ");

        (code, output) = await RunAsync("replay", $"conversion-perfectpay-{order}", "--tenant", seller.Tenant);
        code.ShouldBe(1, output);
        output.ShouldContain($"conversion_received → Matching: cannot be read: Event {position} ");
        (code, output) = await RunAsync("replay", "--from", "1", "--json");
        code.ShouldBe(1, output);
        var rows = JsonElement.Parse(output).EnumerateArray().ToLookup(row => row.GetProperty("verdict").GetString());
        rows["unreadable"].Select(row => row.GetProperty("sequence").GetInt64()).ShouldContain(position);
        rows["same"].Select(row => row.GetProperty("stream").GetString()).ShouldContain($"conversion-perfectpay-{well}");

        (code, output) = await RunAsync("verify", "--json");
        code.ShouldBe(1, output);
        var report = JsonElement.Parse(output);
        report.GetProperty("unreadable").GetInt64().ShouldBe(1);
        report
            .GetProperty("problems")
            .EnumerateArray()
            .Single(problem => problem.GetProperty("kind").GetString() == "unreadable")
            .GetProperty("detail")
            .GetString()
            .ShouldNotBeNull()
            .ShouldContain($"Event {position} ");
        report
            .GetProperty("days")
            .EnumerateArray()
            .Single(day => day.GetProperty("tenantId").GetString() == other.Tenant)
            .GetProperty("sent")
            .GetInt64()
            .ShouldBe(1);

        (code, output) = await RunAsync("projections", "rebuild", "Conversions");
        code.ShouldBe(1, output);
        output.ShouldContain($"cannot apply event {position} (conversion_received, stream {seller.Tenant}/conversion-perfectpay-{order})");

        // The money is given back meanwhile: that is not lost.
        (await seller.DeliverAsync(Seller.Sale(order, status: "refunded"))).Code.ShouldBe(202);
        (code, output) = await RunAsync("deliveries", "replay", "--all", "--tenant", seller.Tenant);
        code.ShouldBe(1, output);
        output.ShouldContain($"event {position} of its sale cannot be read");
        await MendAsync(order, "state", "Approved");
        (code, output) = await RunAsync("deliveries", "replay", "--all", "--tenant", seller.Tenant);
        code.ShouldBe(0, output);
        await server.Host.SettledAsync();
        (
            await server.Database.ScalarAsync<string>(
                "select state from conversion where tenant_id = $1 and conversion_id = $2",
                seller.Tenant,
                $"perfectpay-{order}"
            )
        ).ShouldBe("refunded");
        foreach (
            var verb in (string[][])
                [
                    ["verify"],
                    ["replay", "--from", "1"],
                    ["projections", "rebuild", "Conversions"],
                ]
        )
        {
            (code, output) = await RunAsync(verb);
            code.ShouldBe(0, output);
        }
    }

    private Task MendAsync(string order, string member, string value) =>
        server.Database.ExecuteAsync(
            "update mt_events set data = jsonb_set(data, array[$2], to_jsonb($3::text)) where stream_id = $1 and version = 1",
            $"conversion-perfectpay-{order}",
            member,
            value
        );

    private async Task<IReadOnlyList<string>> StoppedAsync()
    {
        var (_, output) = await RunAsync("projections", "status", "--json");
        return
        [
            .. JsonElement
                .Parse(output)
                .GetProperty("shards")
                .EnumerateArray()
                .Where(shard => shard.GetProperty("state").GetString() == "stopped")
                .Select(shard => shard.GetProperty("name").GetString()!),
        ];
    }

    private Task<(int Code, string Output)> RunAsync(params string[] verb) => HostProcess.RunAsync(server.Settings, verb);
}
