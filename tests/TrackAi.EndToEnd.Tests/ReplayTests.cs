using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary><c>replay</c> makes each decision again, beside the recorded one.</summary>
public sealed class ReplayTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task What_came_between_a_decisions_cause_and_its_record_decides_nothing_a_second_time()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        (await seller.PostbackAsync(order, 1)).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await using (var trap = await Trap.SetAsync(server.Database, "dispatch_queue", "exclusive"))
        {
            // Its Purchase is decided on the approval, and not recorded yet when the buyer asks for the money back.
            (await seller.PostbackAsync(order, 2)).Code.ShouldBe(202);
            await trap.SprungAsync();
            await Eventually.TrueAsync(async () => await IsDecidingAsync(), "the decision is on its way into the queue");
            (await seller.PostbackAsync(order, 4)).Code.ShouldBe(202);
        }
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem();

        var (code, output) = await HostProcess.RunAsync(
            server.Settings,
            "replay",
            $"conversion-perfectpay-{order}",
            "--tenant",
            seller.Tenant,
            "--json"
        );

        code.ShouldBe(0, output);
        var lines = JsonElement
            .Parse(output)
            .EnumerateArray()
            .Where(line => line.GetProperty("handler").GetString() == "Dispatch")
            .Select(line => $"{line.GetProperty("type").GetString()} {line.GetProperty("verdict").GetString()}");
        lines.ShouldBe(
            ["conversion_state_changed same", "conversion_state_changed nothing", "conversion_unmatched nothing"],
            ignoreOrder: true
        );
        var types = await server.Database.ScalarAsync<string[]>(
            "select array_agg(type::text order by seq_id) from mt_events where tenant_id = $1 and stream_id like 'conversion-%'",
            seller.Tenant
        );
        types.ShouldBe(
            [
                "conversion_received",
                "conversion_unmatched",
                "conversion_state_changed",
                "conversion_state_changed",
                "dispatch_requested",
                "dispatch_succeeded",
            ],
            "otherwise this shows nothing"
        );
    }

    [Fact]
    public async Task A_match_whose_clicks_are_not_kept_any_more_is_told_as_expired_and_as_a_difference_only_while_they_should_be_there()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var click = await seller.ClickAsync();
        await seller.DeliverAsync(Seller.Sale(order, clickId: click));
        await server.Host.SettledAsync();
        await server.Database.ExecuteAsync("delete from match_key where click_id = $1", click);
        string[] replay = ["replay", $"conversion-perfectpay-{order}", "--tenant", seller.Tenant];

        var (differs, difference) = await HostProcess.RunAsync(server.Settings, replay);
        var shorter = new Dictionary<string, string?>(server.Settings, StringComparer.OrdinalIgnoreCase)
        {
            ["Matching:LookBackDays"] = "7",
            ["Matching:ReopenDays"] = "0",
        };
        var (expired, told) = await HostProcess.RunAsync(shorter, replay);

        differs.ShouldBe(1, difference);
        difference.ShouldContain("Matching: differs");
        expired.ShouldBe(0, told);
        told.ShouldContain("Matching: expired");
        told.ShouldContain("0 differ, 1 cannot be made again: their evidence has expired");
    }

    private Task<bool> IsDecidingAsync() =>
        server.Database.ScalarAsync<bool>(
            "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ilike '%insert into dispatch_queue%')"
        );
}
