using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Gateways.Stripe;

namespace TrackAi.Gateways.Tests.Stripe;

/// <summary>What Stripe's events say, in our words.</summary>
public sealed class TranslationTests
{
    private const string Sold = "pi_3SQx1AExemplo0001";

    private static readonly StripeGateway Gateway = new();

    [Fact]
    public void A_paid_checkout_is_a_sale_under_its_payment_with_its_buyer_and_its_click()
    {
        var sale = Sale("checkout.session.completed_paid");

        (sale.OrderId, sale.State, sale.Kind).ShouldBe((Sold, PaymentState.Approved, ConversionKind.Sale));
        sale.Value.ShouldBe(new Money(297m, "BRL"));
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
        sale.OccurredAt.ShouldBe(DateTimeOffset.FromUnixTimeSeconds(1793890825));
        sale.DeliveryId.ShouldBe("evt_1SQx1AExemplo0103");
        sale.Buyer.Email.ShouldBe("teodora.vilela@exemplo.com.br");
        (sale.Buyer.Phone, sale.Buyer.FullName).ShouldBe(("+5581988440033", "Teodora Vilela"));
        (sale.Buyer.City, sale.Buyer.State, sale.Buyer.Zip, sale.Buyer.Country).ShouldBe(("Recife", "PE", "50030230", "BR"));
        sale.Join!.IsProvisional.ShouldBeFalse();
    }

    [Fact]
    public void Fractions_of_a_cent_are_kept_to_six_decimals()
    {
        var sale = Changed("payment_intent.succeeded", told => told["amount_received"] = JsonNode.Parse("100.1234567"));

        sale.Value.Amount.ShouldBe(1.001235m);
        sale.Notes.ShouldBe(["amount: rounded to 6 decimals"]);
    }

    [Theory]
    [InlineData("checkout.session.completed_paid")]
    [InlineData("payment_intent.succeeded")]
    [InlineData("charge.succeeded")]
    [InlineData("invoice.paid_first")]
    [InlineData("invoice.paid_renewal")]
    public void What_Stripe_says_of_its_test_mode_is_a_test(string payload) =>
        ChangedEvent(payload, root => root["livemode"] = false).ShouldBeOfType<Translation.Sale>().Kind.ShouldBe(ConversionKind.Test);

    [Theory]
    [InlineData("payment_intent.succeeded")]
    [InlineData("charge.succeeded")]
    public void A_bare_payment_is_the_same_sale_and_waits_for_who_knows_more(string payload)
    {
        var sale = Sale(payload);

        (sale.OrderId, sale.State, sale.Value).ShouldBe((Sold, PaymentState.Approved, new Money(297m, "BRL")));
        sale.Join!.IsProvisional.ShouldBeTrue();
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
    }

    [Fact]
    public void Of_several_tokens_in_the_metadata_each_is_taken() =>
        Changed("charge.succeeded", told => told["metadata"]!["upsell_click"] = "tk1_ABCDEFGHIJ012345")
            .ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy", "tk1_ABCDEFGHIJ012345"]);

    [Fact]
    public void A_charge_of_nobodys_account_with_buyer_and_token_waits_for_nobody() =>
        Changed("charge.succeeded", told => told["customer"] = null).Join!.IsProvisional.ShouldBeFalse();

    [Theory]
    [InlineData("checkout.session.completed_boleto_unpaid", PaymentState.Pending, "pi_3SQx1BExemplo0002")]
    [InlineData("checkout.session.async_payment_succeeded_boleto", PaymentState.Approved, "pi_3SQx1BExemplo0002")]
    [InlineData("checkout.session.async_payment_failed_boleto", PaymentState.Rejected, "pi_3SQx1CExemplo0003")]
    [InlineData("payment_intent.payment_failed", PaymentState.Rejected, "pi_3SQx1DExemplo0004")]
    [InlineData("charge.refunded_full", PaymentState.Refunded, Sold)]
    [InlineData("charge.dispute.created", PaymentState.ChargedBack, Sold)]
    [InlineData("charge.dispute.closed_lost", PaymentState.ChargedBack, Sold)]
    public void Each_event_is_read_for_its_payment(string payload, PaymentState state, string order)
    {
        var sale = Sale(payload);

        (sale.State, sale.OrderId, sale.Undoes).ShouldBe((state, order, null));
    }

    [Theory]
    [InlineData("charge.dispute.closed_won", PaymentState.ChargedBack)]
    [InlineData("refund.failed", PaymentState.Refunded)]
    public void What_takes_a_reversal_back_names_it(string payload, PaymentState undone)
    {
        var sale = Sale(payload);

        (sale.State, sale.Undoes, sale.OrderId).ShouldBe((PaymentState.Approved, undone, Sold));
    }

    [Fact]
    public void A_subscriptions_invoice_is_the_sale_and_knows_its_payment()
    {
        var sale = Sale("invoice.paid_first");

        (sale.OrderId, sale.Kind, sale.Value).ShouldBe(("in_1SQx1GExemplo0001", ConversionKind.Sale, new Money(49.90m, "BRL")));
        sale.Join!.Names.ShouldBe(["in_1SQx1GExemplo0001", "pi_3SQx1FExemplo0005"]);
        sale.Buyer.Email.ShouldBe("teodora.vilela@exemplo.com.br");
        sale.ClickIds.ShouldBe(["tk1_8fQ2mZr7Lp0Vb3Xy"]);
        sale.OccurredAt.ShouldBe(DateTimeOffset.FromUnixTimeSeconds(1793890060));
    }

    [Fact]
    public void The_invoice_of_a_later_cycle_is_a_renewal_and_leaves_a_trace_for_its_payment()
    {
        var invoice = Sale("invoice.paid_renewal");
        var payment = Sale("payment_intent.succeeded_of_renewal");

        invoice.Kind.ShouldBe(ConversionKind.Renewal);
        (invoice.Join!.Trace!.Side, payment.Join!.Trace!.Side).ShouldBe(("invoice", "intent"));
        invoice.Join.Trace.Shared.ShouldBe(payment.Join.Trace.Shared);
        payment.Join.IsProvisional.ShouldBeTrue();
    }

    [Fact]
    public void An_invoice_that_is_no_subscriptions_is_its_payments_other_name() =>
        Changed(
            "invoice.paid_first",
            told =>
            {
                told["billing_reason"] = "manual";
                told.AsObject().Remove("parent");
            }
        )
            .Join!.Names.ShouldBe(["pi_3SQx1FExemplo0005", "in_1SQx1GExemplo0001"]);

    [Fact]
    public void An_invoice_of_an_older_API_version_names_its_payment_and_subscription_elsewhere() =>
        Changed(
            "invoice.paid_first",
            told =>
            {
                told.AsObject().Remove("parent");
                told.AsObject().Remove("payments");
                told["subscription"] = "sub_1";
                told["payment_intent"] = "pi_old";
                told["billing_reason"] = "";
            }
        )
            .Join!.Names.ShouldBe(["in_1SQx1GExemplo0001", "pi_old"]);

    [Fact]
    public void The_link_of_a_payment_to_its_invoice_is_no_sale_and_teaches_the_names() =>
        Translate("invoice_payment.paid")
            .ShouldBeOfType<Translation.NoSale>()
            .Join!.Names.ShouldBe(["in_1SQx1GExemplo0002", "pi_3SQx1GExemplo0006"]);

    [Theory]
    [InlineData("charge.refunded_partial")]
    [InlineData("refund.created")]
    [InlineData("thin_event_notification")]
    public void What_is_no_sale_is_understood_as_none(string payload) => Translate(payload).ShouldBeOfType<Translation.NoSale>();

    [Theory]
    [InlineData("customer.created", false)]
    [InlineData("payout.paid", false)]
    [InlineData("payment_intent.teleported", true)]
    [InlineData("never.heard.of", true)]
    public void What_cannot_be_about_a_payment_is_acknowledged_and_what_nobody_knows_is_kept(string type, bool isKept) =>
        (TypeChanged(type) is Translation.NotUnderstood).ShouldBe(isKept);

    // https://docs.stripe.com/currencies
    [Theory]
    [InlineData("brl", 29700, 297)]
    [InlineData("jpy", 500, 500)]
    [InlineData("clp", 4990, 4990)]
    [InlineData("ugx", 500000, 5000)]
    [InlineData("isk", 500000, 5000)]
    [InlineData("huf", 100000, 1000)]
    [InlineData("kwd", 12340, 12.34)]
    public void Minor_units_become_major_ones_by_the_currency(string currency, int minor, double major)
    {
        var sale = Changed(
            "checkout.session.completed_paid",
            told =>
            {
                told["currency"] = currency;
                told["amount_total"] = minor;
            }
        );

        sale.Value.ShouldBe(new Money((decimal)major, currency.ToUpperInvariant()));
    }

    [Fact]
    public void A_payment_that_is_only_authorised_is_not_paid() =>
        Changed("charge.succeeded", told => told["captured"] = false).State.ShouldBe(PaymentState.Pending);

    [Fact]
    public void Metas_cookies_are_read_from_the_metadata_of_a_payment_and_of_a_subscriptions_invoice()
    {
        const string Fbp = "fb.1.1793890500123.1432567890";
        const string Fbc = "fb.1.1793890500123.IwZXh0bgNhZW0BMAABHR";
        var cookies = new JsonObject { ["fbp"] = Fbp, ["_fbc"] = Fbc };

        var payment = Changed("payment_intent.succeeded", told => told["metadata"] = cookies.DeepClone());
        var invoice = Changed(
            "invoice.paid_first",
            told => told["parent"] = new JsonObject { ["subscription_details"] = new JsonObject { ["metadata"] = cookies.DeepClone() } }
        );

        (payment.Buyer.Fbp, payment.Buyer.Fbc).ShouldBe((Fbp, Fbc));
        (invoice.Buyer.Fbp, invoice.Buyer.Fbc).ShouldBe((Fbp, Fbc));
        invoice.Buyer.Email.ShouldNotBeNull();
    }

    [Fact]
    public void A_charge_without_a_billing_address_knows_the_buyer_by_where_the_receipt_went() =>
        Changed(
            "charge.succeeded",
            told =>
            {
                told["billing_details"] = null;
                told["receipt_email"] = "recibo@exemplo.com.br";
            }
        )
            .Buyer.Email.ShouldBe("recibo@exemplo.com.br");

    public static TheoryData<string> Vectors =>
        [.. Deliveries.SignatureVectors("Stripe").Select(vector => vector.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Every_signature_vector_is_judged_as_the_official_library_judges_it(string name)
    {
        var vector = Deliveries.SignatureVectors("Stripe").Single(one => one.GetProperty("name").GetString() == name);
        Assert.SkipUnless(vector.GetProperty("tolerance_seconds").GetInt32() == 300, "The tolerance is no setting of ours.");

        Signatures
            .Verify(
                vector.GetProperty("header").GetString() ?? "",
                vector.GetProperty("payload").GetString()!,
                vector.GetProperty("secret").GetString()!,
                vector.GetProperty("received_at").GetInt64()
            )
            .ShouldBe(vector.GetProperty("sdk_result").GetProperty("ok").GetBoolean());
    }

    private static Translation Translate(string payload) => Gateway.Translate(Deliveries.Of(Deliveries.Payload("Stripe", payload)));

    private static Translation.Sale Sale(string payload) => Translate(payload).ShouldBeOfType<Translation.Sale>();

    private static Translation.Sale Changed(string payload, Action<JsonNode> change) =>
        ChangedEvent(payload, root => change(root["data"]!["object"]!)).ShouldBeOfType<Translation.Sale>();

    private static Translation TypeChanged(string type) => ChangedEvent("charge.succeeded", root => root["type"] = type);

    private static Translation ChangedEvent(string payload, Action<JsonObject> change) =>
        Gateway.Translate(Deliveries.Of(Deliveries.Changed("Stripe", payload, change)));
}
