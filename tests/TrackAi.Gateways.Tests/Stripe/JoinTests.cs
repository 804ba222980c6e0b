using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.Stripe;

/// <summary>A server that waits for who knows more of a payment until the test says that it was long enough.</summary>
public sealed class PatientServer : TrackAiServer
{
    public override IReadOnlyDictionary<string, string?> Settings =>
        new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase) { ["Gateways:SettlingWindow"] = "01:00:00" };
}

/// <summary>One sale that Stripe tells by several events is one Purchase, whatever comes first and whatever is missing.</summary>
public sealed class JoinTests(PatientServer server) : IClassFixture<PatientServer>, IAsyncLifetime
{
    private static int payments;

    private readonly string number = $"{Interlocked.Increment(ref payments):0000}";
    private readonly long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
    private Seller seller = null!;
    private int events;

    public async ValueTask InitializeAsync() => seller = await server.NewSellerAsync("stripe");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private string Intent => $"pi_{number}";

    private string Invoice => $"in_{number}";

    public static TheoryData<string> Orders => ["ABC", "ACB", "BAC", "BCA", "CAB", "CBA"];

    [Theory]
    [MemberData(nameof(Orders))]
    public async Task A_checkout_told_by_payment_charge_and_session_in_any_order_is_one_Purchase_that_knows_the_buyer(string order)
    {
        foreach (var letter in order)
            await DeliverAsync(
                letter switch
                {
                    'A' => Payment("payment_intent.succeeded"),
                    'B' => Charge("charge.succeeded"),
                    _ => Session("checkout.session.completed_paid"),
                }
            );
        await SettledAsync();

        (await SalesAsync()).ShouldBe([Intent]);
        var purchase = server.AtMeta(Intent).ShouldHaveSingleItem();
        purchase.Times.ShouldBe(1);
        purchase.Event.GetProperty("user_data").GetProperty("em").GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task A_payment_that_stays_alone_is_a_sale_after_the_settling_window()
    {
        var answer = await DeliverAsync(Payment("payment_intent.succeeded"));

        answer.Json.GetProperty("note").GetString().ShouldNotBeNull().ShouldContain("Held");
        (await SalesAsync()).ShouldBeEmpty();
        await SettledAsync();
        (await SalesAsync()).ShouldBe([Intent]);
    }

    [Fact]
    public async Task Of_a_payment_and_its_charge_the_one_that_knows_the_buyer_begins_the_sale()
    {
        await DeliverAsync(Payment("payment_intent.succeeded"));
        await DeliverAsync(Charge("charge.succeeded"));
        await SettledAsync();

        var purchase = server.AtMeta(Intent).ShouldHaveSingleItem();
        purchase.Event.GetProperty("user_data").GetProperty("em").GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task A_boleto_is_pending_at_the_checkout_and_one_Purchase_when_it_is_paid()
    {
        await DeliverAsync(Session("checkout.session.completed_boleto_unpaid"));
        (await HistoryAsync(Intent)).State.ShouldBe(PaymentState.Pending);

        await DeliverAsync(Payment("payment_intent.succeeded"));
        await DeliverAsync(Session("checkout.session.async_payment_succeeded_boleto"));
        await SettledAsync();

        (await HistoryAsync(Intent)).State.ShouldBe(PaymentState.Approved);
        server.AtMeta(Intent).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task The_first_charge_of_a_subscription_is_one_Purchase_under_its_invoice_though_no_event_names_its_payment()
    {
        await DeliverAsync(Payment("payment_intent.succeeded"));
        await DeliverAsync(PaidInvoice("subscription_create", isLinked: false));
        await DeliverAsync(Charge("charge.succeeded"));
        await SettledAsync();

        (await SalesAsync()).ShouldBe([Invoice]);
        server.AtMeta(Invoice).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_renewal_is_recorded_under_its_invoice_and_its_payment_makes_no_Purchase(bool paymentFirst)
    {
        await DeliverAsync(paymentFirst ? Payment("payment_intent.succeeded") : PaidInvoice("subscription_cycle", isLinked: false));
        await DeliverAsync(paymentFirst ? PaidInvoice("subscription_cycle", isLinked: false) : Payment("payment_intent.succeeded"));
        await SettledAsync();

        (await SalesAsync()).ShouldBe([Invoice]);
        (await server.Host.Store.ReadStreamAsync(Stream(Invoice)))
            .Select(recorded => recorded.Data)
            .OfType<DispatchSkipped>()
            .ShouldHaveSingleItem()
            .Reason.ShouldBe("renewal");
        server.AtMeta(Intent).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_invoice_that_comes_after_its_payment_was_settled_alone_is_no_second_Purchase()
    {
        await DeliverAsync(Charge("charge.succeeded"));
        await SettledAsync();

        await DeliverAsync(PaidInvoice("subscription_create", isLinked: true));
        await SettledAsync();

        (await SalesAsync()).ShouldBe([Intent]);
        server.AtMeta(Invoice).ShouldBeEmpty();
        server.AtMeta(Intent).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task A_link_that_comes_first_keeps_the_payment_from_becoming_a_sale_of_its_own()
    {
        await DeliverAsync(
            Event(
                "invoice_payment.paid",
                told =>
                {
                    told["invoice"] = Invoice;
                    told["payment"]!["payment_intent"] = Intent;
                }
            )
        );
        await DeliverAsync(Payment("payment_intent.succeeded"));
        await DeliverAsync(PaidInvoice("subscription_create", isLinked: false));
        await SettledAsync();

        (await SalesAsync()).ShouldBe([Invoice]);
    }

    [Fact]
    public async Task A_refund_of_a_subscriptions_payment_is_the_invoices()
    {
        await DeliverAsync(PaidInvoice("subscription_create", isLinked: true));

        await DeliverAsync(Charge("charge.refunded_full"));
        await SettledAsync();

        (await SalesAsync()).ShouldBe([Invoice]);
        (await HistoryAsync(Invoice)).State.ShouldBe(PaymentState.Refunded);
    }

    [Fact]
    public async Task Two_equal_purchases_of_one_customer_are_two_sales()
    {
        await DeliverAsync(Payment("payment_intent.succeeded"));
        await DeliverAsync(
            Event(
                "payment_intent.succeeded",
                told =>
                {
                    told["id"] = $"{Intent}b";
                    told["customer"] = $"cus_{number}";
                }
            )
        );
        await SettledAsync();

        (await SalesAsync()).ShouldBe([Intent, $"{Intent}b"]);
    }

    [Fact]
    public async Task A_dispute_won_brings_the_sale_back_and_an_old_event_that_comes_again_changes_nothing()
    {
        var charge = Charge("charge.succeeded");
        await DeliverAsync(Session("checkout.session.completed_paid"));
        await DeliverAsync(Dispute("charge.dispute.created"));
        (await HistoryAsync(Intent)).State.ShouldBe(PaymentState.ChargedBack);

        (await DeliverAsync(charge)).IsDuplicate.ShouldBeTrue();
        await DeliverAsync(Dispute("charge.dispute.closed_won"));

        (await HistoryAsync(Intent)).State.ShouldBe(PaymentState.Approved);
        await SettledAsync();
        server.AtMeta(Intent).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task A_token_that_the_seller_writes_on_the_charge_later_joins_the_sale_to_its_click_and_tells_Meta_nothing_twice()
    {
        var click = await seller.ClickAsync();
        await DeliverAsync(Session("checkout.session.completed_paid"));
        await SettledAsync();
        server.AtMeta(Intent).ShouldHaveSingleItem();
        (await CountAsync("match_log", "and not matched")).ShouldBe(1);

        // Stripe sends it, too, when it has booked the charge, and then nothing is new.
        (await DeliverAsync(Updated("balance_transaction", null)))
            .Json.GetProperty("event_id")
            .ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        var update = Updated("metadata", click);
        (await DeliverAsync(update)).IsDuplicate.ShouldBeFalse();
        (await DeliverAsync(update)).IsDuplicate.ShouldBeTrue("the same event again");
        (await DeliverAsync(Updated("metadata", click))).IsDuplicate.ShouldBeTrue("another event, and nothing new in it");
        await SettledAsync();

        (await CountAsync("match_log", "and matched and match_rule = 'click_token' and reopened_by = 'second_delivery'")).ShouldBe(1);
        server.AtMeta(Intent).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task What_the_seller_writes_on_a_charge_that_was_given_back_does_not_make_it_paid_again()
    {
        await DeliverAsync(Session("checkout.session.completed_paid"));
        await DeliverAsync(Charge("charge.refunded_full"));

        (await DeliverAsync(Updated("metadata", ClickToken.New()))).IsDuplicate.ShouldBeFalse();

        (await HistoryAsync(Intent)).State.ShouldBe(PaymentState.Refunded);
    }

    [Fact]
    public async Task What_is_written_on_a_charge_that_nobody_heard_of_makes_no_sale()
    {
        await DeliverAsync(Updated("metadata", ClickToken.New()));
        await SettledAsync();

        (await SalesAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_token_that_only_the_payment_carries_joins_the_sale_that_its_session_began()
    {
        var click = await seller.ClickAsync();
        await DeliverAsync(
            Event(
                "payment_intent.succeeded",
                told => (told["id"], told["customer"], told["metadata"]) = (Intent, $"cus_{number}", new JsonObject { ["ref"] = click })
            )
        );
        await DeliverAsync(Session("checkout.session.completed_paid"));
        await SettledAsync();

        (await CountAsync("match_log", "and matched and match_rule = 'click_token'")).ShouldBe(1);
        server.AtMeta(Intent).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task A_thin_event_is_stored_and_acknowledged()
    {
        var answer = await DeliverAsync(JsonNode.Parse(Deliveries.Payload("Stripe", "thin_event_notification"))!);

        (answer.IsDuplicate, answer.Json.GetProperty("event_id").ValueKind).ShouldBe((false, System.Text.Json.JsonValueKind.Null));
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where tenant_id = $1 and type = 'delivery_acknowledged'",
                seller.Tenant
            )
        ).ShouldBe(1);
    }

    private JsonNode Payment(string payload) => Event(payload, told => (told["id"], told["customer"]) = (Intent, $"cus_{number}"));

    private JsonNode Charge(string payload) =>
        Event(payload, told => (told["payment_intent"], told["customer"]) = (Intent, $"cus_{number}"));

    private JsonNode Updated(string what, string? token)
    {
        var root = Charge("charge.succeeded");
        root["type"] = "charge.updated";
        root["data"]!["previous_attributes"] = new JsonObject { [what] = null };
        if (token is not null)
            root["data"]!["object"]!["metadata"] = new JsonObject { ["click"] = token };
        return root;
    }

    private Task<long> CountAsync(string table, string and) =>
        server.Database.ScalarAsync<long>($"select count(*) from {table} where tenant_id = $1 {and}", seller.Tenant);

    private JsonNode Session(string payload) =>
        Event(payload, told => (told["payment_intent"], told["customer"]) = (Intent, $"cus_{number}"));

    private JsonNode Dispute(string payload) => Event(payload, told => told["payment_intent"] = Intent);

    private JsonNode PaidInvoice(string reason, bool isLinked) =>
        Event(
            "invoice.paid_renewal",
            told =>
            {
                (told["id"], told["customer"], told["billing_reason"]) = (Invoice, $"cus_{number}", reason);
                (told["amount_paid"], told["status_transitions"]!["paid_at"]) = (29700, now - 1);
                if (isLinked)
                    told["payment_intent"] = Intent;
            }
        );

    // Each a second after the one before, as far as Stripe's clock goes.
    private JsonNode Event(string payload, Action<JsonNode> change)
    {
        var root = JsonNode.Parse(Deliveries.Payload("Stripe", payload))!;
        (root["id"], root["created"]) = ($"evt_{number}_{++events}", now - 30 + events);
        change(root["data"]!["object"]!);
        return root;
    }

    private async Task<Answer> DeliverAsync(JsonNode told)
    {
        var body = told.ToJsonString();
        var answer = await seller.DeliverAsync(
            "stripe",
            System.Text.Encoding.UTF8.GetBytes(body),
            [("Stripe-Signature", $"t={now},v1={Signatures.V1(now, body, seller.Secret)}")]
        );
        answer.Code.ShouldBe(202, answer.Text);
        return answer;
    }

    /// <summary>The settling window is over, and what was held is recorded.</summary>
    private async Task SettledAsync()
    {
        await server.Database.ExecuteAsync("update held_delivery set due_at = now() where tenant_id = $1", seller.Tenant);
        await Eventually.TrueAsync(
            async () =>
                await server.Database.ScalarAsync<long>("select count(*) from held_delivery where tenant_id = $1", seller.Tenant) == 0,
            "all that was held is recorded"
        );
        await server.Host.SettledAsync();
    }

    private StreamId Stream(string order) => new(seller.Tenant, $"conversion-stripe-{order}");

    private async Task<PaymentHistory> HistoryAsync(string order) =>
        PaymentHistory.From((await server.Host.Store.ReadStreamAsync(Stream(order))).Select(recorded => recorded.Data)).ShouldNotBeNull();

    private async Task<string[]> SalesAsync() =>
        await server.Database.ScalarAsync<string[]>(
            """
            select coalesce(array_agg(substr(stream_id, length('conversion-stripe-') + 1)::text order by stream_id), '{}')
            from mt_events where tenant_id = $1 and type = 'conversion_received'
            """,
            seller.Tenant
        );
}
