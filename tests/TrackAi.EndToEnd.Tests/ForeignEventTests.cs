using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Marten, or somebody with psql, appends events of other types to the same log.</summary>
public sealed class ForeignEventTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task An_event_of_another_program_in_a_sales_stream_stands_in_nobodys_way()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var conversion = $"perfectpay-{order}";
        (await seller.DeliverAsync(Seller.Sale(order, status: "pending"))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await AppendAsync(seller.Tenant, $"conversion-{conversion}", "note_added");
        await AppendAsync(seller.Tenant, "notes", "note_added");

        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
        (await seller.DeliverAsync(Seller.Sale(order, status: "refunded"))).Code.ShouldBe(202);
        await server.Host.SettledAsync();

        foreach (
            var verb in (string[][])
                [
                    ["verify"],
                    ["explain", conversion, "--tenant", seller.Tenant],
                    ["replay", $"conversion-{conversion}", "--tenant", seller.Tenant],
                    ["projections", "rebuild", "--all"],
                ]
        )
        {
            var (code, output) = await HostProcess.RunAsync(server.Settings, verb);
            code.ShouldBe(0, output);
        }
    }

    private Task AppendAsync(string tenant, string stream, string type) =>
        server.Database.ExecuteAsync(
            """
            select mt_quick_append_events(
                $2, null, $1, array[gen_random_uuid()], array[$3], array['Notes.NoteAdded, Notes'], array['{"Text":"call back"}'::jsonb],
                array[null]::bytea[], array[null]::varchar[], array[null]::varchar[], array['{}'::jsonb], array[now()])
            """,
            tenant,
            stream,
            type
        );
}
