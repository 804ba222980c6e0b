using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Gateways.PerfectPay;

namespace TrackAi.Gateways.Tests.PerfectPay;

/// <summary>What PerfectPay's recorded deliveries say, in our words.</summary>
public sealed class TranslationTests
{
    private const string Token = "0123456789abcdef0123456789abcdef";

    private static readonly PerfectPayGateway Gateway = new();

    [Fact]
    public void An_approved_card_is_a_sale_with_its_buyer_its_campaign_and_its_click()
    {
        var sale = Sale("approved_card_with_metadata");

        sale.OrderId.ShouldBe("PPCPMTB58MNX71");
        sale.State.ShouldBe(PaymentState.Approved);
        sale.GatewayStatus.ShouldBe("approved");
        sale.Kind.ShouldBe(ConversionKind.Sale);
        sale.Value.ShouldBe(new Money(147.9m, "BRL"));
        sale.ProductId.ShouldBe("PPPB0AQX");
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
        // 12:03:55 in Brasília.
        sale.OccurredAt.ShouldBe(new DateTimeOffset(2026, 11, 5, 15, 3, 55, TimeSpan.Zero));
        sale.Campaign.UtmSource.ShouldBe("FB");
        sale.Campaign.UtmCampaign.ShouldBe("violao-quente|120210998877660012");
        sale.Campaign.Src.ShouldBe("tk1_8fQ2mZr7Lp0Vb3Xy");
        sale.Buyer.Email.ShouldBe("idalina.prates@exemplo.com.br");
        sale.Buyer.Phone.ShouldBe("+5585987001122");
        sale.Buyer.FullName.ShouldBe("Idalina Furtado Prates");
        sale.Buyer.Zip.ShouldBe("60165-121");
        sale.Buyer.Fbp.ShouldBe("fb.1.1793890500123.1432567890");
        sale.Buyer.Fbc.ShouldBe("fb.1.1793890500120.IwZXh0bgNhZW0BMEXEMPLO_aBcDe");
    }

    [Theory]
    [InlineData("pending_pix", PaymentState.Pending, "PPCPMTB58MNX72")]
    [InlineData("approved_pix", PaymentState.Approved, "PPCPMTB58MNX72")]
    [InlineData("pending_boleto", PaymentState.Pending, "PPCPMTB58MNX73")]
    [InlineData("rejected_card", PaymentState.Rejected, "PPCPMTB58MNX74")]
    [InlineData("refunded", PaymentState.Refunded, "PPCPMTB58MNX71")]
    public void Each_recorded_state_is_read_for_its_order(string payload, PaymentState state, string order)
    {
        var sale = Sale(payload);

        (sale.State, sale.OrderId).ShouldBe((state, order));
    }

    [Fact]
    public void A_postback_that_is_sent_as_a_form_says_the_same()
    {
        var payload = JsonNode.Parse(Deliveries.Payload("PerfectPay", "approved_card_with_metadata"))!.AsObject();
        payload["token"] = Token;
        var delivery = Deliveries.Of(string.Join('&', Fields("", payload)), ("Content-Type", "application/x-www-form-urlencoded"));

        Gateway.Verify(delivery, Token).ShouldBeTrue();
        Gateway.Verify(delivery, "another").ShouldBeFalse();
        var sale = Gateway.Translate(delivery).ShouldBeOfType<Translation.Sale>();
        sale.ShouldBe(Sale("approved_card_with_metadata") with { ClickIds = sale.ClickIds, Notes = sale.Notes });
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);

        static IEnumerable<string> Fields(string prefix, JsonNode? node) =>
            node switch
            {
                JsonObject members => members.SelectMany(member =>
                    Fields(prefix.Length == 0 ? member.Key : $"{prefix}[{member.Key}]", member.Value)
                ),
                JsonArray items => items.SelectMany((item, index) => Fields($"{prefix}[{index}]", item)),
                _ => [$"{Uri.EscapeDataString(prefix)}={Uri.EscapeDataString($"{node}")}"],
            };
    }

    [Theory]
    [InlineData("token=&code=x")]
    [InlineData("token[a]=0123456789abcdef0123456789abcdef&token=0123456789abcdef0123456789abcdef")]
    [InlineData("[=[&]=]&sale_status_enum=2&%00[%00]=%ff&sale_status_enum[x]=1")]
    [InlineData("sale_status_enum=2&a[b][c][d][e][f][g][h][i][j][k]=1&&&=&a=1&a[b]=2")]
    public void A_form_that_proves_nothing_is_refused(string form) => Gateway.Verify(Deliveries.Of(form), Token).ShouldBeFalse();

    [Fact]
    public void A_later_charge_of_a_subscription_is_a_renewal() => Sale("subscription_renewal").Kind.ShouldBe(ConversionKind.Renewal);

    [Fact]
    public void The_first_charge_of_a_subscription_is_a_sale() =>
        Changed("subscription_renewal", root => root["subscription"]!["charges_made"] = 1)
            .ShouldBeOfType<Translation.Sale>()
            .Kind.ShouldBe(ConversionKind.Sale);

    [Fact]
    public void An_abandoned_checkout_is_no_sale() =>
        Translate("abandoned_precheckout").ShouldBeOfType<Translation.NoSale>().Kind.ShouldBe("precheckout");

    [Theory]
    [InlineData(1, PaymentState.Pending)]
    [InlineData(2, PaymentState.Approved)]
    [InlineData(3, PaymentState.Pending)]
    [InlineData(4, PaymentState.RefundRequested)]
    [InlineData(5, PaymentState.Rejected)]
    [InlineData(6, PaymentState.Rejected)]
    [InlineData(7, PaymentState.Refunded)]
    [InlineData(8, PaymentState.Approved)]
    [InlineData(9, PaymentState.ChargedBack)]
    [InlineData(10, PaymentState.Approved)]
    [InlineData(11, PaymentState.Rejected)]
    [InlineData(13, PaymentState.Rejected)]
    [InlineData(16, PaymentState.Approved)]
    [InlineData(17, PaymentState.ChargedBack)]
    [InlineData(18, PaymentState.Refunded)]
    public void Each_status_number_has_its_state(int status, PaymentState state) =>
        Changed("approved_card_with_metadata", root => root["sale_status_enum"] = status)
            .ShouldBeOfType<Translation.Sale>()
            .State.ShouldBe(state);

    [Theory]
    [InlineData("0")]
    [InlineData("99")]
    [InlineData("null")]
    [InlineData("\"approved\"")]
    [InlineData("2.5")]
    [InlineData("[2]")]
    public void A_status_that_nobody_documented_is_kept_as_not_understood(string status) =>
        Changed("approved_card_with_metadata", root => root["sale_status_enum"] = JsonNode.Parse(status))
            .ShouldBeOfType<Translation.NotUnderstood>();

    [Theory]
    [InlineData("code", "null")]
    [InlineData("code", "\"\"")]
    [InlineData("code", "\"a\\u0000b\"")]
    [InlineData("code", "{}")]
    [InlineData("sale_amount", "null")]
    [InlineData("sale_amount", "-1")]
    [InlineData("sale_amount", "\"12,50\"")]
    [InlineData("sale_amount", "1e400")]
    public void A_delivery_without_a_usable_order_or_amount_is_kept_as_not_understood(string field, string value) =>
        Changed("approved_card_with_metadata", root => root[field] = JsonNode.Parse(value)).ShouldBeOfType<Translation.NotUnderstood>();

    [Fact]
    public void A_currency_is_read_by_its_number_where_the_key_is_missing() =>
        Changed(
                "approved_card_with_metadata",
                root =>
                {
                    root.Remove("currency_enum_key");
                    root["currency_enum"] = 2;
                }
            )
            .ShouldBeOfType<Translation.Sale>()
            .Value.Currency.ShouldBe("USD");

    [Fact]
    public void A_damaged_approval_date_falls_back_to_the_date_of_creation() =>
        Changed("approved_card_with_metadata", root => root["date_approved"] = "0000-00-00 00:00:00")
            .ShouldBeOfType<Translation.Sale>()
            .OccurredAt.ShouldBe(new DateTimeOffset(2026, 11, 5, 15, 3, 40, TimeSpan.Zero));

    [Theory]
    [InlineData("customer")]
    [InlineData("metadata")]
    [InlineData("product")]
    [InlineData("subscription")]
    [InlineData("date_created")]
    public void An_optional_part_of_any_kind_never_costs_the_sale(string part)
    {
        foreach (var value in new[] { "null", "[]", "\"text\"", "17", "true", "{\"email\":[],\"src\":{}}" })
            Changed("approved_card_with_metadata", root => root[part] = JsonNode.Parse(value)).ShouldBeOfType<Translation.Sale>(value);
    }

    [Fact]
    public void The_token_in_the_body_proves_the_origin_and_nothing_else_does()
    {
        var delivery = Deliveries.Of(Deliveries.Payload("PerfectPay", "approved_pix"));

        Gateway.Verify(delivery, Token).ShouldBeTrue();
        Gateway.Verify(delivery, Token.ToUpperInvariant()).ShouldBeFalse();
        Gateway.Verify(delivery, Token[..^1]).ShouldBeFalse();
        Gateway.Verify(delivery, "").ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"token\":null,\"sale_status_enum\":2}")]
    [InlineData("{\"token\":{},\"sale_status_enum\":2}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"token\":\"\\ud800\",\"sale_status_enum\":2}")]
    [InlineData("{\"tok\\ud800\":1,\"sale_status_enum\":2}")]
    public void A_hostile_body_proves_nothing_and_throws_nothing(string body) => Gateway.Verify(Deliveries.Of(body), Token).ShouldBeFalse();

    [Fact]
    public void A_body_that_is_not_UTF8_proves_nothing() => Gateway.Verify(Deliveries.Of([0x7B, 0xFF, 0xFE, 0x7D]), Token).ShouldBeFalse();

    [Theory]
    [InlineData("55", "31", "991230045", "+5531991230045")]
    [InlineData("+55", "31", "991230045", "+5531991230045")]
    [InlineData(null, "31", "991230045", "+5531991230045")]
    [InlineData("55", null, "991230045", "5531991230045")]
    [InlineData("1", "415", "5551212", "+14155551212")]
    public void The_phone_is_put_together_and_taken_whole_where_a_part_is_missing(
        string? extension,
        string? area,
        string number,
        string phone
    ) =>
        Changed(
                "approved_card_with_metadata",
                root =>
                {
                    var customer = root["customer"]!.AsObject();
                    (customer["phone_extension"], customer["phone_area_code"], customer["phone_number"]) = (extension, area, number);
                    customer["phone_formated_ddi"] = "5531991230045";
                }
            )
            .ShouldBeOfType<Translation.Sale>()
            .Buyer.Phone.ShouldBe(phone);

    [Theory]
    [InlineData("src")]
    [InlineData("utm_perfect")]
    [InlineData("sck")]
    [InlineData("xcod")]
    [InlineData("ref")]
    [InlineData("utm_term")]
    public void Our_token_is_found_in_every_slot(string slot) =>
        Changed("approved_card_with_metadata", root => root["metadata"] = new JsonObject { [slot] = "FB|tk1_8fQ2mZr7Lp0Vb3Xy|x" })
            .ShouldBeOfType<Translation.Sale>()
            .ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);

    [Fact]
    public void Of_several_tokens_each_is_taken_and_no_more_than_eight()
    {
        string[] tokens = [.. Enumerable.Range(0, 12).Select(one => $"tk1_{one:0000000000000000}")];

        Changed(
                "approved_card_with_metadata",
                root =>
                    root["metadata"] = new JsonObject
                    {
                        ["src"] = tokens[0],
                        ["utm_perfect"] = tokens[1],
                        ["ref"] = string.Join('|', tokens),
                    }
            )
            .ShouldBeOfType<Translation.Sale>()
            .ClickIds.ShouldBe(tokens[..8]);
    }

    private static Translation Translate(string payload) => Gateway.Translate(Deliveries.Of(Deliveries.Payload("PerfectPay", payload)));

    private static Translation.Sale Sale(string payload) => Translate(payload).ShouldBeOfType<Translation.Sale>();

    private static Translation Changed(string payload, Action<JsonObject> change) =>
        Gateway.Translate(Deliveries.Of(Deliveries.Changed("PerfectPay", payload, change)));
}
