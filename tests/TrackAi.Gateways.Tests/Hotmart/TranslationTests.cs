using System.Text;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Gateways.Hotmart;

namespace TrackAi.Gateways.Tests.Hotmart;

/// <summary>What Hotmart's recorded deliveries say, in our words.</summary>
public sealed class TranslationTests
{
    private const string Hottok = "hottok-exemplo-nao-usar";

    private static readonly HotmartGateway Gateway = new();

    [Fact]
    public void An_approved_card_is_a_sale_with_its_buyer_its_origin_and_its_click()
    {
        var sale = Sale("approved_card_with_origin");

        sale.OrderId.ShouldBe("HP1209348871");
        (sale.State, sale.Kind, sale.GatewayStatus).ShouldBe((PaymentState.Approved, ConversionKind.Sale, "PURCHASE_APPROVED"));
        // Reais, not centavos.
        sale.Value.ShouldBe(new Money(297m, "BRL"));
        sale.ProductId.ShouldBe("5512087");
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
        sale.Campaign.Src.ShouldBe("meta");
        sale.Campaign.Xcod.ShouldBe("tk1_8fQ2mZr7Lp0Vb3Xy");
        sale.OccurredAt.ShouldBe(DateTimeOffset.FromUnixTimeMilliseconds(1793890821000));
        sale.ReportedAt.ShouldBe(DateTimeOffset.FromUnixTimeMilliseconds(1793890823417));
        sale.DeliveryId.ShouldBe("0d5e7a31-8c44-4f6a-b7b1-90a0f7d2c511");
        sale.Buyer.Email.ShouldBe("marilda.quintao@exemplo.com.br");
        // The DDD comes apart from the number.
        sale.Buyer.Phone.ShouldBe("31991230045");
        (sale.Buyer.FirstName, sale.Buyer.LastName).ShouldBe(("Marilda", "Quintão Abreu"));
        (sale.Buyer.City, sale.Buyer.State, sale.Buyer.Zip, sale.Buyer.Country).ShouldBe(
            ("Belo Horizonte", "Minas Gerais", "30140110", "BR")
        );
        sale.Buyer.IpAddress.ShouldBe("187.111.20.7");
    }

    [Theory]
    [InlineData(null, 29700)]
    [InlineData("price", 29700)]
    [InlineData("full_price", 31240)]
    [InlineData("original_offer_price", 34900)]
    public void The_value_is_the_amount_that_the_connection_asks_for(string? asked, int cents)
    {
        var sale = Asked(asked, _ => { });

        sale.Value.ShouldBe(new Money(cents / 100m, "BRL"));
        sale.Notes.ShouldBeEmpty();
    }

    [Fact]
    public void Where_the_amount_that_is_asked_for_is_missing_the_price_counts_and_the_sale_says_so()
    {
        var sale = Asked("full_price", purchase => purchase.Remove("full_price"));

        sale.Value.ShouldBe(new Money(297m, "BRL"));
        sale.Notes.ShouldHaveSingleItem().ShouldBe("full_price: missing, price was taken for the value");
    }

    [Theory]
    [InlineData("approved_pix_no_origin", PaymentState.Approved, "HP1209411206")]
    [InlineData("pending_boleto", PaymentState.Pending, "HP1209350013")]
    [InlineData("pending_pix", PaymentState.Pending, "HP1209350088")]
    [InlineData("canceled_card_refused", PaymentState.Rejected, "HP1209348702")]
    [InlineData("protest_refund_requested", PaymentState.RefundRequested, "HP1209348871")]
    [InlineData("refunded", PaymentState.Refunded, "HP1209348871")]
    [InlineData("chargeback", PaymentState.ChargedBack, "HP1209411999")]
    public void Each_recorded_event_is_read_for_its_transaction(string payload, PaymentState state, string order)
    {
        var sale = Sale(payload);

        (sale.State, sale.OrderId, sale.Undoes).ShouldBe((state, order, null));
    }

    [Fact]
    public void The_end_of_the_guarantee_is_no_new_sale() => Sale("complete_after_warranty").Undoes.ShouldBe(PaymentState.RefundRequested);

    [Fact]
    public void A_later_charge_of_a_subscription_is_a_renewal_and_the_first_one_is_not()
    {
        Sale("subscription_first_charge").Kind.ShouldBe(ConversionKind.Sale);
        Sale("subscription_renewal").Kind.ShouldBe(ConversionKind.Renewal);
    }

    [Fact]
    public void An_order_bump_is_a_sale_of_its_own()
    {
        var bump = Sale("order_bump_child");

        (bump.OrderId, bump.Value.Amount, bump.Kind).ShouldBe(("HP1209348872", 47m, ConversionKind.Sale));
        bump.Notes.ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData("cart_abandonment")]
    [InlineData("subscription_cancellation")]
    public void What_is_no_sale_is_understood_as_none(string payload) => Translate(payload).ShouldBeOfType<Translation.NoSale>();

    [Fact]
    public void Version_1_is_kept_and_says_what_to_switch()
    {
        Version1IsKept(Deliveries.Of(Deliveries.Payload("Hotmart", "v1_legacy_flat")));
        Version1IsKept(
            Deliveries.Of(
                $"hottok={Hottok}&transaction=HP1209348871&status=approved&email=marilda%40exemplo.com.br",
                ("Content-Type", "application/x-www-form-urlencoded")
            )
        );

        static void Version1IsKept(WebhookDelivery delivery)
        {
            Gateway.Verify(delivery, Hottok).ShouldBeTrue();
            Gateway.Verify(delivery, "another").ShouldBeFalse();
            Gateway.Translate(delivery).ShouldBeOfType<Translation.NotUnderstood>().Reason.ShouldContain("2.0.0");
        }
    }

    [Fact]
    public void The_simple_contract_is_told_by_its_body_whatever_headers_come_with_it()
    {
        const string body =
            """{"order_id":"A-1","customer":{"email":"ana@exemplo.com.br"},"amount":10,"currency":"BRL","status":"approved","event_time":1793891035}""";
        var signature = Convert.ToHexStringLower(
            System.Security.Cryptography.HMACSHA256.HashData(
                System.Text.Encoding.UTF8.GetBytes(Hottok),
                System.Text.Encoding.UTF8.GetBytes(body)
            )
        );
        var delivery = Deliveries.Of(body, ("X-HOTMART-HOTTOK", Hottok), ("x-hotmart-signature", signature));

        Gateway.Verify(delivery, Hottok).ShouldBeTrue();
        Gateway.Verify(Deliveries.Of(body, ("X-HOTMART-HOTTOK", Hottok)), Hottok).ShouldBeFalse();
        Gateway.Translate(delivery).ShouldBeOfType<Translation.Sale>().OrderId.ShouldBe("A-1");
    }

    [Fact]
    public void The_event_decides_and_not_the_status() =>
        Changed("approved_card_with_origin", root => root["data"]!["purchase"]!["status"] = "REFUNDED")
            .ShouldBeOfType<Translation.Sale>()
            .State.ShouldBe(PaymentState.Approved);

    [Fact]
    public void A_token_in_the_payment_link_counts_beside_the_one_in_the_origin() =>
        Changed(
                "approved_card_with_origin",
                root =>
                {
                    var purchase = root["data"]!["purchase"]!.AsObject();
                    purchase["origin"] = new JsonObject { ["xcod"] = "tk1_8fQ2mZr7Lp0Vb3Xy", ["sck"] = "meta" };
                    purchase["sckPaymentLink"] = "tk1_ABCDEFGHIJ012345";
                }
            )
            .ShouldBeOfType<Translation.Sale>()
            .ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy", "tk1_ABCDEFGHIJ012345"]);

    [Fact]
    public void Tracking_under_the_name_of_the_REST_API_is_read_where_the_origin_is_missing()
    {
        var sale = Changed(
                "approved_card_with_origin",
                root =>
                {
                    var purchase = root["data"]!["purchase"]!.AsObject();
                    purchase.Remove("origin");
                    purchase["tracking"] = new JsonObject { ["source"] = "meta", ["external_code"] = "tk1_8fQ2mZr7Lp0Vb3Xy" };
                }
            )
            .ShouldBeOfType<Translation.Sale>();

        (sale.ClickIds.Single(), sale.Campaign.Src).ShouldBe(("tk1_8fQ2mZr7Lp0Vb3Xy", "meta"));
    }

    [Theory]
    [InlineData("transaction", "null")]
    [InlineData("transaction", "\"a\\u0000b\"")]
    [InlineData("price", "null")]
    [InlineData("price", "{\"value\":-1,\"currency_value\":\"BRL\"}")]
    [InlineData("price", "{\"value\":297,\"currency_value\":\"REAIS\"}")]
    public void A_purchase_without_a_usable_transaction_or_price_is_kept_as_not_understood(string field, string value) =>
        Changed("approved_card_with_origin", root => root["data"]!["purchase"]![field] = JsonNode.Parse(value))
            .ShouldBeOfType<Translation.NotUnderstood>();

    [Fact]
    public void The_hottok_proves_the_origin_in_the_header_or_in_the_bodys_root_and_nothing_else_does()
    {
        var body = Deliveries.Payload("Hotmart", "approved_pix_no_origin");
        var root = JsonNode.Parse(body)!.AsObject();
        root["hottok"] = Hottok;

        Gateway.Verify(Deliveries.Of(body, ("x-hotmart-hottok", Hottok)), Hottok).ShouldBeTrue();
        Gateway.Verify(Deliveries.Of(root.ToJsonString()), Hottok).ShouldBeTrue();
        Gateway.Verify(Deliveries.Of(body), Hottok).ShouldBeFalse();
        Gateway.Verify(Deliveries.Of(body, ("x-hotmart-hottok", Hottok[..^1])), Hottok).ShouldBeFalse();
        Gateway.Verify(Deliveries.Of(body, ("x-hotmart-hottok", "")), "").ShouldBeFalse();
        Gateway.Verify(Deliveries.Of(body, ("x-hotmart-webhook-token", Hottok)), Hottok).ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("&&&=&hottok")]
    [InlineData("hottok=&transaction=1")]
    [InlineData("{\"hottok\":{},\"data\":{}}")]
    [InlineData("{\"hottok\":\"\\ud800\",\"event\":\"PURCHASE_APPROVED\"}")]
    public void A_hostile_body_proves_nothing_and_throws_nothing(string body) =>
        Gateway.Verify(Deliveries.Of(Encoding.UTF8.GetBytes(body)), Hottok).ShouldBeFalse();

    [Theory]
    [InlineData("31", "991230045", "31991230045")]
    [InlineData("31", "31991230045", "31991230045")]
    [InlineData("55", "31991230045", "31991230045")]
    [InlineData("55", "5531991230045", "5531991230045")]
    [InlineData("55", "991230045", "55991230045")]
    [InlineData("55", "+55 31 99123-0045", "+55 31 99123-0045")]
    [InlineData(null, "031991230045", "031991230045")]
    [InlineData("31", null, null)]
    public void The_DDD_is_put_before_a_phone_that_has_none(string? code, string? phone, string? read) =>
        (
            (Translation.Sale)Changed(
                "approved_card_with_origin",
                root => (root["data"]!["buyer"]!["checkout_phone_code"], root["data"]!["buyer"]!["checkout_phone"]) = (code, phone)
            )
        ).Buyer.Phone.ShouldBe(read);

    [Fact]
    public void A_currency_that_the_chosen_price_leaves_out_is_that_of_the_others()
    {
        var sale = Changed("approved_card_with_origin", root => root["data"]!["purchase"]!["price"]!.AsObject().Remove("currency_value"));

        sale.ShouldBeOfType<Translation.Sale>().Value.Currency.ShouldBe("BRL");
    }

    [Theory]
    [InlineData("origin", "src")]
    [InlineData("origin", "sck")]
    [InlineData("origin", "xcod")]
    [InlineData("tracking", "source")]
    [InlineData("tracking", "source_sck")]
    [InlineData("tracking", "external_code")]
    [InlineData(null, "sckPaymentLink")]
    public void Our_token_is_found_in_every_slot(string? place, string slot)
    {
        var sale = Changed(
            "approved_pix_no_origin",
            root =>
            {
                var purchase = root["data"]!["purchase"]!.AsObject();
                (purchase["origin"], purchase["tracking"]) = (
                    new JsonObject
                    {
                        ["src"] = "",
                        ["sck"] = "",
                        ["xcod"] = "",
                    },
                    new JsonObject()
                );
                (place is null ? purchase : purchase[place]!)[slot] = "FB|oferta|tk1_8fQ2mZr7Lp0Vb3Xy";
            }
        );

        sale.ShouldBeOfType<Translation.Sale>().ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
    }

    private static Translation.Sale Asked(string? amount, Action<JsonObject> change)
    {
        var root = JsonNode.Parse(Deliveries.Payload("Hotmart", "approved_card_with_origin"))!.AsObject();
        var purchase = root["data"]!["purchase"]!.AsObject();
        (purchase["full_price"]!["value"], purchase["original_offer_price"]!["value"]) = (312.40m, 349m);
        change(purchase);
        var delivery = new WebhookDelivery(
            Encoding.UTF8.GetBytes(root.ToJsonString()),
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["X-HOTMART-HOTTOK"] = Hottok },
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
            Deliveries.ReceivedAt
        )
        {
            Amount = amount,
        };
        return Gateway.Translate(delivery).ShouldBeOfType<Translation.Sale>();
    }

    private static Translation Translate(string payload) => Changed(payload, _ => { });

    private static Translation.Sale Sale(string payload) => Translate(payload).ShouldBeOfType<Translation.Sale>();

    private static Translation Changed(string payload, Action<JsonObject> change) =>
        Gateway.Translate(Deliveries.Of(Deliveries.Changed("Hotmart", payload, change), ("X-HOTMART-HOTTOK", Hottok)));
}
