using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>What whoever is on call does to read models from a terminal, beside a host that runs.</summary>
public sealed class ProjectionVerbTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task One_that_is_paused_stands_still_until_it_is_resumed()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.SettledAsync();
        (await RunAsync("pause", "visits")).ShouldBe((0, "Visits is paused until 'projections resume'."));
        (await RunAsync("status", "Visits:All", "--json")).Output.ShouldContain("\"state\": \"paused\"");

        (await seller.TrackAsync("click", new { utm_source = "FB" })).Code.ShouldBe(201);
        (await seller.DeliverAsync(Seller.Sale(seller.NewOrder()))).Code.ShouldBe(202);
        await Eventually.TrueAsync(() => CountAsync("conversion", seller, 1), "the other read models go on");
        (await CountAsync("click", seller, 0)).ShouldBeTrue();

        (await RunAsync("resume", "Visits:All")).ShouldBe((0, "Visits runs again."));
        await Eventually.TrueAsync(() => CountAsync("click", seller, 1), "what came meanwhile is read");
        await server.Host.SettledAsync();
    }

    [Fact]
    public async Task One_that_stopped_at_an_event_says_which_and_goes_on_once_it_is_stepped_over()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.SettledAsync();
        var poison = await server.Database.ScalarAsync<long>(
            """
            select (mt_quick_append_events(
                'broken', null, $1, array[gen_random_uuid()], array['click_captured'], array['TrackAi.Contracts.ClickCaptured, TrackAi.Contracts'],
                array['{"occurredAt":"no time"}'::jsonb], array[null]::bytea[], array[null]::varchar[], array[null]::varchar[], array['{}'::jsonb],
                array[now()]))[2]
            """,
            seller.Tenant
        );
        await Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    """
                    select bool_and(s.state = 'stopped' or p.last_seq_id >= $1)
                    from es_shard s left join mt_event_progression p on p.name = s.name
                    """,
                    poison
                ),
            "whatever reads the event stops at it, and the others pass"
        );

        var (code, output) = await RunAsync("status", "Visits");
        code.ShouldBe(1, output);
        output.ShouldContain($"event {poison}");

        foreach (var stopped in await StoppedAsync())
            (await RunAsync("skip", stopped)).Code.ShouldBe(0);
        (await seller.TrackAsync("click", new { utm_source = "FB" })).Code.ShouldBe(201);
        await server.Host.SettledAsync();
        (await CountAsync("click", seller, 1)).ShouldBeTrue();
        (code, output) = await RunAsync("status");
        code.ShouldBe(0, output);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("pause")]
    [InlineData("rebuild")]
    public async Task A_name_that_is_none_is_answered_with_those_there_are(string verb)
    {
        var (code, output) = await RunAsync(verb, "Clicks");

        code.ShouldBe(1);
        output.ShouldContain("'Clicks'; there are Visits, Conversions");
    }

    private async Task<IReadOnlyList<string>> StoppedAsync()
    {
        var (_, output) = await RunAsync("status", "--json");
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

    private Task<bool> CountAsync(string table, Seller seller, long expected) =>
        server.Database.ScalarAsync<bool>($"select count(*) = $2 from {table} where tenant_id = $1", seller.Tenant, expected);

    private async Task<(int Code, string Output)> RunAsync(params string[] verb) =>
        await HostProcess.RunAsync(server.Settings, ["projections", .. verb]);
}
