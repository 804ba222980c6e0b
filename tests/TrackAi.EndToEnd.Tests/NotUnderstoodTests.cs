using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary><c>deliveries not-understood</c> and <c>deliveries replay</c>: what an operator sees of deliveries that nobody could read yet.</summary>
public sealed class NotUnderstoodTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task An_authentic_delivery_that_is_not_understood_is_listed_by_its_reason_and_its_fields_and_by_no_value()
    {
        var (seller, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());
        var order = seller.NewOrder();
        (await seller.PostbackAsync(order, 99)).Code.ShouldBe(202);
        (await other.PostbackAsync(other.NewOrder(), 98)).Code.ShouldBe(202);

        var (code, text) = await RunAsync("not-understood", "--tenant", seller.Tenant);
        var (_, json) = await RunAsync("not-understood", "--tenant", seller.Tenant, "--json");
        var (_, all) = await RunAsync("not-understood", "--gateway", "perfectpay", "--json");

        code.ShouldBe(0, text);
        text.ShouldContain($"{seller.Tenant}  perfectpay  received ");
        text.ShouldContain("sale_status_enum 99");
        text.ShouldNotContain(order);
        text.ShouldNotContain("Idalina");
        var listed = JsonElement.Parse(json).EnumerateArray().ShouldHaveSingleItem();
        listed.GetProperty("tenant").GetString().ShouldBe(seller.Tenant);
        listed.GetProperty("reason").GetString().ShouldBe("sale_status_enum 99");
        listed.GetProperty("shape").GetString().ShouldNotBeNull().ShouldContain("customer:{full_name:string,email:string");
        text.ShouldContain(listed.GetProperty("deliveryId").GetString()!);
        JsonElement.Parse(all).EnumerateArray().Select(one => one.GetProperty("tenant").GetString()).ShouldContain(other.Tenant);
        (await RunAsync("not-understood", "--gateway", "stripe")).ShouldBe((0, "There is none."));
        (await RunAsync("not-understood", "--gateway", "stripe", "--json")).ShouldBe((0, "[]"));
    }

    [Fact]
    public async Task While_nobody_mended_the_mapping_another_try_says_so_by_its_exit_code_and_keeps_it()
    {
        var seller = await server.NewSellerAsync();
        (await seller.PostbackAsync(seller.NewOrder(), 99)).Code.ShouldBe(202);
        var (_, json) = await RunAsync("not-understood", "--tenant", seller.Tenant, "--json");
        var id = JsonElement.Parse(json)[0].GetProperty("deliveryId").GetString()!;

        var (dry, rehearsed) = await RunAsync("replay", "--all", "--tenant", seller.Tenant, "--dry-run");
        var (one, replayed) = await RunAsync("replay", id, "--json");

        dry.ShouldBe(1, rehearsed);
        rehearsed.ShouldContain("not_understood");
        one.ShouldBe(1, replayed);
        JsonElement.Parse(replayed)[0].GetProperty("outcome").GetString().ShouldBe("not_understood");
        (await RunAsync("not-understood", "--tenant", seller.Tenant)).Output.ShouldContain(id);
        (await RunAsync("replay", "--all", "--gateway", "stripe")).ShouldBe((0, "There was none."));
        (await RunAsync("replay", "nothing")).ShouldBe(
            (1, "trackai: there is no delivery nothing that is kept; 'deliveries not-understood' shows which there are.")
        );
        (await RunAsync("replay")).ShouldBe((1, "trackai: give a DELIVERY, or --all."));
    }

    private Task<(int ExitCode, string Output)> RunAsync(params string[] arguments) =>
        HostProcess.RunAsync(server.Settings, ["deliveries", .. arguments]);
}
