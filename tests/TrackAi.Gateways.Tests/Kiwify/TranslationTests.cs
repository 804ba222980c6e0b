using System.Text;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Gateways.Kiwify;

namespace TrackAi.Gateways.Tests.Kiwify;

/// <summary>What Kiwify's recorded deliveries say, in our words, and which of them prove their origin.</summary>
public sealed class TranslationTests
{
    private static readonly KiwifyGateway Gateway = new();

    [Fact]
    public void An_approved_card_is_a_sale_with_its_buyer_its_campaign_and_its_click()
    {
        var sale = Sale("approved_card_with_tracking");

        sale.OrderId.ShouldBe("6f0c1b88-2c11-4cc1-9b1f-0a7f5d5d9e01");
        (sale.State, sale.Kind, sale.GatewayStatus).ShouldBe((PaymentState.Approved, ConversionKind.Sale, "order_approved"));
        // Whole centavos.
        sale.Value.ShouldBe(new Money(197m, "BRL"));
        sale.ProductId.ShouldBe("4f6a0f22-9c1d-4e85-8b61-0d7d93a1c7e5");
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
        sale.Campaign.UtmSource.ShouldBe("FB");
        // 12:04 in Brasília.
        sale.OccurredAt.ShouldBe(new DateTimeOffset(2026, 11, 5, 15, 4, 0, TimeSpan.Zero));
        sale.ReportedAt.ShouldNotBeNull();
        sale.Buyer.Email.ShouldBe("otavio.lacerda@exemplo.com.br");
        sale.Buyer.Phone.ShouldBe("+5541998870012");
        sale.Buyer.IpAddress.ShouldBe("2804:14c:5bb:1001::7");
        (sale.Buyer.City, sale.Buyer.State, sale.Buyer.Zip).ShouldBe(("Curitiba", "PR", "80420000"));
    }

    [Fact]
    public void Amounts_of_2024_as_text_and_times_with_seconds_say_the_same()
    {
        var sale = Sale("approved_2024_text_amounts");

        sale.Value.ShouldBe(new Money(197m, "BRL"));
        sale.OccurredAt.ShouldBe(new DateTimeOffset(2026, 11, 5, 15, 4, 2, TimeSpan.Zero));
    }

    [Theory]
    [InlineData("pending_pix", PaymentState.Pending, "7a1d2c99-3d22-4dd2-8c20-1b806e6ea002")]
    [InlineData("approved_pix", PaymentState.Approved, "7a1d2c99-3d22-4dd2-8c20-1b806e6ea002")]
    [InlineData("pending_boleto", PaymentState.Pending, "8b2e3daa-4e33-4ee3-9d31-2c917f7fb003")]
    [InlineData("rejected_card", PaymentState.Rejected, "9c3f4ebb-5f44-4ff4-8e42-3da2808cc004")]
    [InlineData("refunded", PaymentState.Refunded, "6f0c1b88-2c11-4cc1-9b1f-0a7f5d5d9e01")]
    public void Each_recorded_event_is_read_for_its_order(string payload, PaymentState state, string order)
    {
        var sale = Sale(payload);

        (sale.State, sale.OrderId).ShouldBe((state, order));
    }

    [Fact]
    public void A_later_charge_of_a_subscription_is_a_renewal_under_either_name()
    {
        Sale("subscription_renewed").Kind.ShouldBe(ConversionKind.Renewal);
        Changed("subscription_renewed", root => root["webhook_event_type"] = "order_approved")
            .ShouldBeOfType<Translation.Sale>()
            .Kind.ShouldBe(ConversionKind.Renewal);
    }

    [Fact]
    public void The_first_charge_of_a_subscription_is_a_sale() =>
        Changed(
                "subscription_renewed",
                root =>
                {
                    root["webhook_event_type"] = "order_approved";
                    root["Subscription"]!["charges"]!["completed"]!.AsArray().RemoveAt(1);
                }
            )
            .ShouldBeOfType<Translation.Sale>()
            .Kind.ShouldBe(ConversionKind.Sale);

    [Theory]
    [InlineData("cart_abandoned")]
    [InlineData("subscription_canceled")]
    public void What_is_no_sale_is_understood_as_none(string payload) => Changed(payload, _ => { }).ShouldBeOfType<Translation.NoSale>();

    [Fact]
    public void An_event_nobody_knows_is_kept_as_not_understood() =>
        Changed("approved_pix", root => root["webhook_event_type"] = "order_teleported").ShouldBeOfType<Translation.NotUnderstood>();

    [Fact]
    public void A_time_that_would_lie_three_hours_ahead_counts_as_the_time_of_receipt()
    {
        // Nobody documents the zone: were it UTC, reading it as Brasília's would be three hours late.
        var claimed = GatewayTime.Parse("2026-11-05 15:29");

        GatewayTime.Believe(claimed, Deliveries.ReceivedAt).ShouldBe(Deliveries.ReceivedAt);
    }

    public static TheoryData<string> Vectors =>
        [.. Deliveries.SignatureVectors("Kiwify").Select(vector => vector.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Every_signature_vector_is_judged_as_its_rule_says(string name)
    {
        var vector = Deliveries.SignatureVectors("Kiwify").Single(one => one.GetProperty("name").GetString() == name);
        // Upper case is nothing Kiwify sends; the wrapped order is taken as it was reported from the field.
        var expected = vector.GetProperty("expect").GetString() == "accept" || name == "wrapped_order, signature over inner object text";

        Gateway
            .Verify(
                Signed(vector.GetProperty("body").GetString()!, vector.GetProperty("signature").GetString() ?? ""),
                vector.GetProperty("token").GetString()!
            )
            .ShouldBe(expected);
    }

    [Fact]
    public void An_order_in_a_wrapper_is_the_same_sale_and_says_which_signature_proved_it()
    {
        var wrapped = Deliveries.Payload("Kiwify", "wrapped_order_variant");
        var inner = wrapped[wrapped.IndexOf('{', 1)..(wrapped.LastIndexOf('}') - 1)].TrimEnd();
        var delivery = Signed(wrapped, Sign(inner));

        Gateway.Verify(delivery, "token").ShouldBeTrue();

        delivery.Notes.ShouldHaveSingleItem().ShouldContain("order");
        Gateway.Translate(delivery).ShouldBeOfType<Translation.Sale>().OrderId.ShouldBe("6f0c1b88-2c11-4cc1-9b1f-0a7f5d5d9e01");
    }

    [Fact]
    public void Of_two_orders_in_a_body_the_one_that_was_proved_is_the_one_that_is_read()
    {
        const string Signature = """{"order_id":"real","webhook_event_type":"order_approved","Commissions":{"charge_amount":100}}""";
        const string Forged = """{"order_id":"forged","webhook_event_type":"order_approved","Commissions":{"charge_amount":999900}}""";

        var first = Signed($$"""{"order":{{Signature}},"order":{{Forged}}}""", Sign(Signature));
        var last = Signed($$"""{"order":{{Forged}},"order":{{Signature}},"order_id":"forged"}""", Sign(Signature));

        Gateway.Verify(first, "token").ShouldBeFalse();
        Gateway.Verify(last, "token").ShouldBeTrue();
        Gateway.Translate(last).ShouldBeOfType<Translation.Sale>().OrderId.ShouldBe("real");
    }

    [Theory]
    [InlineData(null, 19700)]
    [InlineData("charge_amount", 22135)]
    [InlineData("settlement_amount", 19500)]
    [InlineData("my_commission", 17678)]
    public void The_value_is_the_amount_that_the_connection_asks_for_also_inside_a_wrapper(string? asked, int cents)
    {
        var order = JsonNode.Parse(Deliveries.Payload("Kiwify", "approved_2024_text_amounts"))!.AsObject();
        (order["Commissions"]!["charge_amount"], order["Commissions"]!["settlement_amount"]) = ("22135", 19500);

        foreach (var body in (string[])[order.ToJsonString(), $$"""{"order":{{order.ToJsonString()}}}"""])
            Gateway
                .Translate(Signed(body, "unasked", asked))
                .ShouldBeOfType<Translation.Sale>()
                .Value.ShouldBe(new Money(cents / 100m, "BRL"));
    }

    [Theory]
    [InlineData("paid", PaymentState.Approved)]
    [InlineData("approved", PaymentState.Approved)]
    [InlineData("waiting_payment", PaymentState.Pending)]
    [InlineData("refused", PaymentState.Rejected)]
    [InlineData("refunded", PaymentState.Refunded)]
    [InlineData("chargedback", PaymentState.ChargedBack)]
    [InlineData("chargeback", PaymentState.ChargedBack)]
    public void Where_no_event_is_named_the_status_of_the_order_says_what_happened(string status, PaymentState state) =>
        Changed(
                "approved_2024_text_amounts",
                root =>
                {
                    root.Remove("webhook_event_type");
                    root["order_status"] = status;
                }
            )
            .ShouldBeOfType<Translation.Sale>()
            .State.ShouldBe(state);

    [Theory]
    [InlineData("s1")]
    [InlineData("s2")]
    [InlineData("s3")]
    [InlineData("src")]
    [InlineData("sck")]
    [InlineData("utm_content")]
    [InlineData("utm_term")]
    public void Our_token_is_found_in_every_slot_also_when_it_is_encoded(string slot) =>
        Changed(
                "approved_2024_text_amounts",
                root => root["TrackingParameters"] = new JsonObject { [slot] = "vsl%7Ctk1%5F8fQ2mZr7Lp0Vb3Xy" }
            )
            .ShouldBeOfType<Translation.Sale>()
            .ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);

    [Fact]
    public void Of_several_tokens_each_is_taken_once_in_the_order_of_the_slots() =>
        Changed(
                "approved_2024_text_amounts",
                root =>
                    root["TrackingParameters"] = new JsonObject
                    {
                        ["src"] = "tk1_8fQ2mZr7Lp0Vb3Xy",
                        ["s2"] = "tk1_ABCDEFGHIJ012345",
                        ["s1"] = "vsl|tk1_8fQ2mZr7Lp0Vb3Xy",
                    }
            )
            .ShouldBeOfType<Translation.Sale>()
            .ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy", "tk1_ABCDEFGHIJ012345"]);

    [Fact]
    public void Every_part_may_be_null_but_the_order_and_its_amount()
    {
        var sale = Changed(
            "approved_2024_text_amounts",
            root =>
            {
                foreach (
                    var part in (string[])
                        ["Customer", "Product", "TrackingParameters", "Subscription", "created_at", "updated_at", "approved_date"]
                )
                    root[part] = null;
                root["order_id"] = 4711;
            }
        );

        sale.ShouldBeOfType<Translation.Sale>().OrderId.ShouldBe("4711");
    }

    [Fact]
    public void Fractions_of_a_centavo_are_kept_to_six_decimals_of_a_real()
    {
        var sale = Changed("approved_pix", root => root["Commissions"]!["product_base_price"] = JsonNode.Parse("19700.123456"))
            .ShouldBeOfType<Translation.Sale>();

        sale.Value.Amount.ShouldBe(197.001235m);
        sale.Notes.ShouldBe(["product_base_price: rounded to 6 decimals"]);
    }

    [Fact]
    public void An_amount_that_nobody_pays_is_not_understood() =>
        Changed("approved_pix", root => root["Commissions"] = new JsonObject { ["product_base_price"] = JsonNode.Parse("7e27") })
            .ShouldBeOfType<Translation.NotUnderstood>()
            .Reason.ShouldContain("is no amount");

#pragma warning disable CA5350 // Kiwify's choice.
    private static string Sign(string body) =>
        Convert.ToHexStringLower(System.Security.Cryptography.HMACSHA1.HashData("token"u8, Encoding.UTF8.GetBytes(body)));
#pragma warning restore CA5350

    private static WebhookDelivery Signed(string body, string signature, string? amount = null) =>
        new(
            Encoding.UTF8.GetBytes(body),
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["signature"] = signature },
            Deliveries.ReceivedAt
        )
        {
            Amount = amount,
        };

    private static Translation.Sale Sale(string payload) => Changed(payload, _ => { }).ShouldBeOfType<Translation.Sale>();

    private static Translation Changed(string payload, Action<JsonObject> change) =>
        Gateway.Translate(Signed(Deliveries.Changed("Kiwify", payload, change), "unasked"));
}
