using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>What a seller's own back end tells of the buyer reaches Meta, hashed by Meta's rules.</summary>
public sealed class SimpleContractAtMetaTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task The_buyers_birth_date_and_gender_reach_Meta_hashed()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var sale = Seller.Sale(order);
        (sale["customer"]!["birth_date"], sale["customer"]!["gender"]) = ("15/07/1990", "Feminino");

        (await seller.DeliverAsync(sale)).Code.ShouldBe(202);

        var person = (await server.ArrivedAsync(order)).Event.GetProperty("user_data");
        Words(person.GetProperty("db")).ShouldBe([Hashed("19900715")]);
        Words(person.GetProperty("ge")).ShouldBe([Hashed("f")]);
    }

    [Fact]
    public async Task An_amount_with_more_decimals_than_any_currency_has_is_rounded_in_the_log_and_at_Meta()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();

        (await seller.DeliverAsync(Seller.Sale(order, amount: 0.1111111111111111111111111111m))).Code.ShouldBe(202);

        (await server.ArrivedAsync(order)).Event.GetProperty("custom_data").GetProperty("value").GetRawText().ShouldBe("0.111111");
        (
            await server.Database.ScalarAsync<string>(
                "select data->'value'->>'amount' || ' ' || (data->>'notes') from mt_events where tenant_id = $1 and type = 'conversion_received'",
                seller.Tenant
            )
        ).ShouldBe("""0.111111 ["amount: rounded to 6 decimals"]""");
    }

    [Fact]
    public async Task A_birth_date_and_a_gender_that_cannot_be_read_are_dropped_and_the_sale_is_sent()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var sale = Seller.Sale(order);
        (sale["customer"]!["birth_date"], sale["customer"]!["gender"]) = ("ontem", "prefere nao dizer");

        (await seller.DeliverAsync(sale)).Code.ShouldBe(202);

        var person = (await server.ArrivedAsync(order)).Event.GetProperty("user_data");
        person.TryGetProperty("db", out _).ShouldBeFalse();
        person.TryGetProperty("ge", out _).ShouldBeFalse();
    }

    private static string[] Words(JsonElement field) =>
        field.ValueKind == JsonValueKind.Array ? [.. field.EnumerateArray().Select(one => one.GetString()!)] : [field.GetString()!];

    private static string Hashed(string normalised) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(normalised)));
}
