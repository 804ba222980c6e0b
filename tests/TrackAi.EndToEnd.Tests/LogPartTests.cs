using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary><c>--from</c> and <c>--to</c> of <c>replay</c> and <c>events export</c>.</summary>
public sealed class LogPartTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task An_export_begins_at_the_position_and_ends_at_the_position()
    {
        var seller = await server.NewSellerAsync();
        (await seller.DeliverAsync(Seller.Sale(seller.NewOrder()))).Code.ShouldBe(202);
        await server.Host.SettledAsync();

        (await ExportAsync("--from", "2", "--to", "3")).ShouldBe([2, 3]);
        (await ExportAsync("--from", "2", "--to", "2")).ShouldBe([2]);
        (await ExportAsync("--to", "2")).ShouldBe([1, 2]);
        (await ExportAsync("--from", "0", "--to", "2")).ShouldBe([1, 2]);
    }

    [Theory]
    [InlineData("replay")]
    [InlineData("events", "export")]
    public async Task A_part_that_ends_before_it_begins_is_refused(params string[] verb)
    {
        var (code, output) = await HostProcess.RunAsync(server.Settings, [.. verb, "--from", "5", "--to", "4"]);

        (code, output).ShouldBe((1, "trackai: --from 5 is above --to 4: nothing lies between them."));
    }

    private async Task<long[]> ExportAsync(params string[] part)
    {
        var (code, output) = await HostProcess.RunAsync(server.Settings, ["events", "export", "--json", .. part]);
        code.ShouldBe(0, output);
        return [.. output.Split('\n').Select(line => JsonElement.Parse(line).GetProperty("sequence").GetInt64())];
    }
}
