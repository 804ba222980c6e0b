using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Gateways.PerfectPay;

namespace TrackAi.Gateways.Tests;

/// <summary>The contract of sellers' own back ends, in PerfectPay's names.</summary>
public sealed class SimpleContractTests
{
    private const string Key = "a-shared-secret";
    private static readonly PerfectPayGateway Gateway = new();

    [Fact]
    public void A_full_body_is_a_sale()
    {
        var sale = Translate(_ => { });

        sale.OrderId.ShouldBe("A-1001");
        sale.State.ShouldBe(PaymentState.Approved);
        sale.GatewayStatus.ShouldBe("approved");
        sale.Value.ShouldBe(new Money(297.5m, "BRL"));
        sale.ProductId.ShouldBe("course-1");
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
        sale.OccurredAt.ShouldBe(new DateTimeOffset(2026, 11, 5, 15, 0, 0, TimeSpan.Zero));
        sale.Buyer.Email.ShouldBe("ana@example.com");
        sale.Notes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("true", ConversionKind.Test)]
    [InlineData("false", ConversionKind.Sale)]
    public void A_sale_that_is_marked_as_a_test_is_none(string marked, ConversionKind kind) =>
        Translate(root => root["test"] = JsonNode.Parse(marked)).Kind.ShouldBe(kind);

    [Theory]
    [InlineData("test", "\"yes\"")]
    [InlineData("order_id", null)]
    [InlineData("order_id", "\"\"")]
    [InlineData("order_id", "{}")]
    [InlineData("order_id", "\"a\\nb\"")]
    [InlineData("status", null)]
    [InlineData("status", "\"sold\"")]
    [InlineData("amount", null)]
    [InlineData("amount", "-1")]
    [InlineData("amount", "\"12,5\"")]
    [InlineData("amount", "1000000000")]
    [InlineData("amount", "7e27")]
    [InlineData("currency", null)]
    [InlineData("currency", "\"R$\"")]
    [InlineData("currency", "\"BR1\"")]
    [InlineData("currency", "\"BTC\"")]
    [InlineData("customer", null)]
    [InlineData("customer", "\"ana@example.com\"")]
    [InlineData("customer", "[]")]
    public void A_bad_required_field_is_refused_by_its_name(string field, string? value)
    {
        var invalid = Should.Throw<InvalidDeliveryException>(() =>
            Translate(root => root[field] = value is null ? null : JsonNode.Parse(value))
        );

        invalid.Field.ShouldBe(field);
        invalid.Remedy.ShouldNotBeEmpty();
    }

    [Fact]
    public void A_time_that_cannot_be_read_is_dropped_with_a_note_that_does_not_repeat_it()
    {
        var note = Translate(root => root["event_time"] = "yesterday").Notes.ShouldHaveSingleItem();

        note.ShouldStartWith("event_time");
        note.ShouldNotContain("yesterday");
    }

    [Fact]
    public void A_sale_without_its_time_is_taken_where_the_contract_leaves_it_open() =>
        Translate(root => root.Remove("event_time")).OccurredAt.ShouldBeNull();

    [Fact]
    public void A_buyer_of_whom_nothing_is_known_is_one() =>
        Translate(root => root["customer"] = new JsonObject()).Buyer.Email.ShouldBeNull();

    [Theory]
    [InlineData("0.1111111111111111111111111111", 0.111111)]
    [InlineData("\"0.0000005\"", 0.000001)]
    [InlineData("297.4999995", 297.5)]
    public void An_amount_keeps_six_decimals_and_a_note_says_so(string amount, double kept)
    {
        var sale = Translate(root => root["amount"] = JsonNode.Parse(amount));

        sale.Value.Amount.ShouldBe((decimal)kept);
        sale.Notes.ShouldBe(["amount: rounded to 6 decimals"]);
    }

    [Fact]
    public void Zeros_after_the_sixth_decimal_are_nothing_to_tell() =>
        Translate(root => root["amount"] = JsonNode.Parse("297.500000000")).Notes.ShouldBeEmpty();

    [Fact]
    public void A_currency_in_lower_case_is_taken_in_upper_case() =>
        Translate(root => root["currency"] = "brl").Value.Currency.ShouldBe("BRL");

    [Fact]
    public void A_click_token_is_found_inside_another_scripts_text() =>
        Translate(root =>
        {
            root.Remove("click_id");
            root["sck"] = "src=fb|tk1_8fQ2mZr7Lp0Vb3Xy|x";
        })
            .ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);

    [Fact]
    public void The_signature_is_over_the_bytes_as_they_came()
    {
        var body = Encoding.UTF8.GetBytes(Body().ToJsonString());
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Key), body));

        Gateway.Verify(Deliveries.Of(body, ("X-PerfectPay-Signature", signature)), Key).ShouldBeTrue();
        Gateway.Verify(Deliveries.Of([.. body, 0x0A], ("X-PerfectPay-Signature", signature)), Key).ShouldBeFalse();
        Gateway.Verify(Deliveries.Of(body), Key).ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("no json")]
    public void A_body_that_is_no_object_is_refused(string body) =>
        Should.Throw<InvalidDeliveryException>(() => Gateway.Translate(Deliveries.Of(body))).Field.ShouldBe("body");

    private static Translation.Sale Translate(Action<JsonObject> change)
    {
        var body = Body();
        change(body);
        return Gateway.Translate(Deliveries.Of(body.ToJsonString())).ShouldBeOfType<Translation.Sale>();
    }

    private static JsonObject Body() =>
        JsonNode
            .Parse(
                """
                {
                  "order_id": "A-1001", "status": "approved", "amount": "297.50", "currency": "BRL", "product_id": "course-1",
                  "event_time": "2026-11-05T15:00:00Z", "click_id": "tk1_8fQ2mZr7Lp0Vb3Xy",
                  "customer": { "email": "ana@example.com", "phone": "11987654321", "name": "Ana Lima" }
                }
                """
            )!
            .AsObject();
}
