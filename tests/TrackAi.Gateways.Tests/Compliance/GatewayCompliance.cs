using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>
/// What every gateway must do, over the real HTTP pipeline and a real Postgres. A gateway's own class says what its deliveries look like and how they
/// are proved; what it cannot prove (<see cref="SignsBody"/>) is skipped by name.
/// </summary>
public abstract class GatewayCompliance(TrackAiServer server) : IClassFixture<TrackAiServer>, IAsyncLifetime
{
    private Seller seller = null!;

    /// <summary>As in its URL.</summary>
    protected abstract string Gateway { get; }

    /// <summary>Null for a gateway that takes its own shape only.</summary>
    protected abstract SimpleShape? Simple { get; }

    /// <summary>
    /// The gateway's own delivery about a sale of BRL 147.90 in a state, reported now, with the secret in it where the gateway puts it into the body.
    /// Pending, approved, refunded and charged back are asked for.
    /// </summary>
    protected abstract JsonObject Report(string order, PaymentState state, string? secret);

    /// <summary>The same, paid, with nothing in it that is not needed.</summary>
    protected abstract JsonObject Barest(string order, string? secret);

    /// <summary>The same with a status that the gateway's documents do not know.</summary>
    protected abstract JsonObject UnknownStatus(string order, string? secret);

    /// <summary>What goes with the gateway's own delivery outside of its body.</summary>
    protected abstract Proof Prove(byte[] body, string secret);

    /// <summary>False for a gateway that sends a shared token: it does not prove what it says.</summary>
    protected abstract bool SignsBody { get; }

    /// <summary>Whether its proof is lost with a piece of the body: where the token is in it, too.</summary>
    protected virtual bool ProofNeedsTheBody => true;

    /// <summary>Beside JSON.</summary>
    protected virtual IReadOnlyList<string> TakenContentTypes => [];

    public async ValueTask InitializeAsync() => seller = await server.NewSellerAsync(Gateway);

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task A_delivery_is_accepted_and_stored_once_and_sent_once(Shape shape)
    {
        var order = NewOrder(shape);

        var answer = await DeliverAsync(shape, Body(shape, order));

        answer.Code.ShouldBe(202, answer.Text);
        answer.Json.GetProperty("ok").GetBoolean().ShouldBeTrue();
        answer.IsDuplicate.ShouldBeFalse();
        answer.Json.GetProperty("event_id").GetGuid().ShouldBe(seller.EventId(Gateway, order));
        await server.Host.SettledAsync();
        (await StoredAsync(order)).ShouldBe(["conversion_received", "conversion_unmatched", "dispatch_requested", "dispatch_succeeded"]);
        var purchase = server.AtMeta(order).ShouldHaveSingleItem();
        purchase.Times.ShouldBe(1);
        purchase.EventId.ShouldBe(seller.EventId(Gateway, order).ToString());
        purchase.Event.GetProperty("custom_data").GetProperty("value").GetDecimal().ShouldBe(147.90m);
        purchase.Event.GetProperty("custom_data").GetProperty("currency").GetString().ShouldBe("BRL");
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task A_redelivery_is_acknowledged_and_adds_no_row_anywhere(Shape shape)
    {
        var body = Body(shape, NewOrder(shape));
        var first = await DeliverAsync(shape, body);
        await server.Host.SettledAsync();
        var (rows, arrived) = (await server.CountRowsAsync(), server.Meta.RequestsFor(seller.PixelId));

        var again = await DeliverAsync(shape, body);

        again.Code.ShouldBe(202, again.Text);
        again.IsDuplicate.ShouldBeTrue();
        again.Json.GetProperty("event_id").GetGuid().ShouldBe(first.Json.GetProperty("event_id").GetGuid());
        await server.Host.SettledAsync();
        (await server.CountRowsAsync()).ShouldBe(rows);
        server.Meta.RequestsFor(seller.PixelId).ShouldBe(arrived);
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task One_delivery_a_hundred_times_at_once_is_one_conversion_and_one_Purchase(Shape shape)
    {
        var order = NewOrder(shape);
        var body = Body(shape, order);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => DeliverAsync(shape, body)));

        answers.ShouldAllBe(answer => answer.Code == 202);
        answers.Count(answer => !answer.IsDuplicate).ShouldBe(1);
        await OnceAsync(order);
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task A_hundred_different_deliveries_of_one_sale_at_once_are_one_conversion_and_one_Purchase(Shape shape)
    {
        var order = NewOrder(shape);

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 100)
                .Select(number =>
                {
                    var body = Body(shape, order);
                    body["attempt"] = number;
                    return DeliverAsync(shape, body);
                })
        );

        answers.ShouldAllBe(answer => answer.Code == 202);
        answers.Count(answer => !answer.IsDuplicate).ShouldBe(1);
        await OnceAsync(order);
    }

    [Fact]
    public async Task A_hundred_deliveries_at_once_that_each_tell_more_of_the_buyer_are_all_taken()
    {
        Assert.SkipWhen(Simple is null, $"{Gateway} has no simple contract.");
        var order = NewOrder(Shape.Simple);

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 100)
                .Select(number =>
                {
                    var body = Body(Shape.Simple, order);
                    body[Simple!.BuyerField]!["email"] = $"{order}-{number}@exemplo.com.br";
                    return DeliverAsync(Shape.Simple, body);
                })
        );

        answers.ShouldAllBe(answer => answer.Code == 202);
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task Without_a_proof_it_is_refused(Shape shape)
    {
        var body = shape == Shape.Simple ? Body(shape, NewOrder(shape)) : PaidSale(NewOrder(shape), null);

        await RefusedAsync(401, () => SendAsync(Seller.Bytes(body), Proof.None));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task With_another_secret_it_is_refused(Shape shape) =>
        await RefusedAsync(401, () => DeliverAsync(shape, Body(shape, NewOrder(shape), "another-secret"), "another-secret"));

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task With_the_secret_of_another_tenant_it_is_refused(Shape shape)
    {
        var other = await server.NewSellerAsync(Gateway);

        await RefusedAsync(401, () => DeliverAsync(shape, Body(shape, NewOrder(shape), other.Secret), other.Secret));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task With_a_proof_that_is_cut_short_it_is_refused(Shape shape)
    {
        var whole = Seller.Bytes(Body(shape, NewOrder(shape)));
        var proof = ProofOf(shape, whole, seller.Secret);
        // Where the proof is in the body, it is the secret that is cut.
        var body = proof == Proof.None ? Seller.Bytes(Body(shape, NewOrder(shape), seller.Secret[..^1])) : whole;

        await RefusedAsync(401, () => SendAsync(body, proof.Truncated()));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task A_body_that_is_cut_short_is_refused(Shape shape)
    {
        Assert.SkipUnless(shape == Shape.Simple || ProofNeedsTheBody, $"{Gateway} proves its own deliveries beside the body.");
        var body = Seller.Bytes(Body(shape, NewOrder(shape)));

        await RefusedAsync(401, () => SendAsync(body[..^1], ProofOf(shape, body, seller.Secret)));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task A_body_that_was_written_anew_is_refused(Shape shape)
    {
        Assert.SkipUnless(shape == Shape.Simple || SignsBody, $"{Gateway} does not sign its own deliveries.");
        var body = Seller.Bytes(Body(shape, NewOrder(shape)));
        var anew = JsonNode.Parse(body)!.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

        await RefusedAsync(401, () => SendAsync(Encoding.UTF8.GetBytes(anew), ProofOf(shape, body, seller.Secret)));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task A_forged_amount_is_refused(Shape shape)
    {
        Assert.SkipUnless(shape == Shape.Simple || SignsBody, $"{Gateway} does not sign its own deliveries.");
        var body = Seller.Bytes(Body(shape, NewOrder(shape)));
        var forged = Encoding
            .UTF8.GetString(body)
            .Replace("147.9", "9999.9", StringComparison.Ordinal)
            .Replace("14790", "99999", StringComparison.Ordinal);

        await RefusedAsync(401, () => SendAsync(Encoding.UTF8.GetBytes(forged), ProofOf(shape, body, seller.Secret)));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task The_delivery_of_another_tenant_is_refused(Shape shape)
    {
        var other = await server.NewSellerAsync(Gateway);
        var body = Seller.Bytes(Body(shape, NewOrder(shape), other.Secret));

        await RefusedAsync(401, () => SendAsync(body, ProofOf(shape, body, other.Secret)));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task A_rotated_secret_is_taken_beside_the_new_one(Shape shape)
    {
        await seller.SetSecretAsync("rotated-secret-of-this-tenant");
        await Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Directory.FindConnection(seller.Tenant, Gateway)?.Secrets.Count == 2),
            "the new secret is known"
        );

        (await DeliverAsync(shape, Body(shape, NewOrder(shape)))).Code.ShouldBe(202);
        const string rotated = "rotated-secret-of-this-tenant";
        (await DeliverAsync(shape, Body(shape, NewOrder(shape), rotated), rotated)).Code.ShouldBe(202);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("")]
    [InlineData("\"text\"")]
    [InlineData("[]")]
    [InlineData("{\"order_id\":")]
    public async Task What_is_no_JSON_object_is_refused_for_its_proof_first(string text)
    {
        var body = Encoding.UTF8.GetBytes(text);
        await RefusedAsync(401, () => SendAsync(body, Proof.None));

        Assert.SkipWhen(Simple is null, $"{Gateway} has no simple contract.");
        await RefusedAsync(400, () => SendAsync(body, ProofOf(Shape.Simple, body, seller.Secret)), "body");
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task For_an_unknown_tenant_it_is_refused(Shape shape)
    {
        var body = Seller.Bytes(Body(shape, NewOrder(shape)));
        var nobody = new Seller(server, Gateway, "nobody", seller.Secret, "1");

        await RefusedAsync(404, () => SendAsync(body, ProofOf(shape, body, seller.Secret), nobody), "tenantId");
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task At_an_unknown_gateway_it_is_refused(Shape shape)
    {
        var body = Seller.Bytes(Body(shape, NewOrder(shape)));
        var proof = ProofOf(shape, body, seller.Secret);

        await RefusedAsync(404, () => seller.DeliverAsync("pagseguro", body, proof.Headers, proof.Query), "gateway");
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task For_a_suspended_tenant_it_is_refused(Shape shape)
    {
        await server.Host.Tenants.SuspendAsync(seller.Tenant);

        await Eventually.TrueAsync(
            async () => (await DeliverAsync(shape, Body(shape, NewOrder(shape)))).Code == 403,
            "the tenant is known to be suspended"
        );

        await RefusedAsync(403, () => DeliverAsync(shape, Body(shape, NewOrder(shape))));
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task With_the_gateways_flag_off_it_is_refused_and_with_the_flag_on_again_taken(Shape shape)
    {
        var body = Body(shape, NewOrder(shape));
        server.Host.Set($"FeatureManagement:gateway_{Gateway}", "false");
        try
        {
            await RefusedAsync(403, () => DeliverAsync(shape, body), $"gateway_{Gateway}");
        }
        finally
        {
            server.Host.Set($"FeatureManagement:gateway_{Gateway}", "true");
        }

        (await DeliverAsync(shape, body)).Code.ShouldBe(202);
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task From_an_address_that_is_not_allowed_it_is_refused(Shape shape)
    {
        var body = Body(shape, NewOrder(shape));
        await AllowAsync("10.0.0.0/8");
        await RefusedAsync(403, () => DeliverAsync(shape, body));
        // A header that anybody can write is nobody's address.
        var bytes = Seller.Bytes(body);
        var proof = ProofOf(shape, bytes, seller.Secret);
        await RefusedAsync(403, () => SendAsync(bytes, new Proof([.. proof.Headers, ("X-Forwarded-For", "10.1.1.1")], proof.Query)));

        await AllowAsync("10.0.0.0/8", "127.0.0.0/8");
        (await DeliverAsync(shape, body)).Code.ShouldBe(202);
    }

    [Fact]
    public async Task Where_a_secret_segment_of_the_URL_is_asked_for_a_delivery_without_it_is_refused()
    {
        var segment = await server.Host.Tenants.NewUrlSegmentAsync(seller.Tenant, Gateway);
        var bytes = Seller.Bytes(PaidSale(NewOrder(Shape.Native), seller.Secret));
        var proof = ProofOf(Shape.Native, bytes, seller.Secret);
        Task<Answer> ToAsync(string end) => seller.DeliverAsync(Gateway, bytes, proof.Headers, $"{end}{proof.Query}");

        await RefusedAsync(401, () => ToAsync(""), "segment");
        await RefusedAsync(401, () => ToAsync($"/{segment[..^1]}"));
        await RefusedAsync(401, () => ToAsync($"/{segment.ToUpperInvariant()}x"));
        // It comes on top of the gateway's own proof.
        await RefusedAsync(401, () => seller.DeliverAsync(Gateway, Seller.Bytes(PaidSale("forged", "another")), [], $"/{segment}"));
        (await ToAsync($"/{segment}")).Code.ShouldBe(202);

        await server.Host.Tenants.RemoveUrlSegmentAsync(seller.Tenant, Gateway);
        (await ToAsync("")).Code.ShouldBe(202);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_the_limit_is_refused_however_its_length_is_told(bool chunked)
    {
        var order = NewOrder(Shape.Native);
        var body = PaidSale(order, seller.Secret);
        body["padding"] = new string('x', 1024 * 1024);
        var bytes = Seller.Bytes(body);

        await RefusedAsync(
            413,
            () => seller.DeliverAsync(Gateway, Json(bytes), ProofOf(Shape.Native, bytes, seller.Secret).Headers, chunked: chunked)
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_of_exactly_the_limit_is_taken(bool chunked)
    {
        var body = PaidSale(NewOrder(Shape.Native), seller.Secret);
        body["padding"] = "";
        body["padding"] = new string('x', 1024 * 1024 - Seller.Bytes(body).Length);
        var bytes = Seller.Bytes(body);
        var proof = ProofOf(Shape.Native, bytes, seller.Secret);

        bytes.Length.ShouldBe(1024 * 1024);
        (await seller.DeliverAsync(Gateway, Json(bytes), proof.Headers, proof.Query, chunked: chunked)).Code.ShouldBe(202);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData(null)]
    public async Task Another_content_type_is_refused(string? type)
    {
        Assert.SkipWhen(type is not null && TakenContentTypes.Contains(type, StringComparer.Ordinal), $"{Gateway} sends {type}.");
        var bytes = Seller.Bytes(PaidSale(NewOrder(Shape.Native), seller.Secret));
        var proof = ProofOf(Shape.Native, bytes, seller.Secret);
        using var content = new ByteArrayContent(bytes);
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);

        await RefusedAsync(415, () => seller.DeliverAsync(Gateway, content, proof.Headers, proof.Query));
        using var forged = new ByteArrayContent(Seller.Bytes(PaidSale(NewOrder(Shape.Native), null)));
        if (type is not null)
            forged.Headers.TryAddWithoutValidation("Content-Type", type);
        await RefusedAsync(401, () => seller.DeliverAsync(Gateway, forged, []));
    }

    [Fact]
    public async Task A_missing_field_of_the_simple_contract_is_refused_by_name()
    {
        Assert.SkipWhen(Simple is null, $"{Gateway} has no simple contract.");
        string[] required = [Simple!.OrderField, Simple.BuyerField, Simple.AmountField, "currency", "status"];
        foreach (var field in Simple.IsTimeOptional ? required : [.. required, Simple.TimeField])
        {
            var body = Simple.Sale(NewOrder(Shape.Simple));
            body.Remove(field);
            await RefusedAsync(400, () => DeliverAsync(Shape.Simple, body), field);
            body[field] = null;
            await RefusedAsync(400, () => DeliverAsync(Shape.Simple, body), field);
            body[field] = "";
            await RefusedAsync(400, () => DeliverAsync(Shape.Simple, body), field);
        }
    }

    [Fact]
    public async Task A_wrong_value_of_the_simple_contract_is_refused_by_name()
    {
        Assert.SkipWhen(Simple is null, $"{Gateway} has no simple contract.");
        (string Field, JsonNode Value)[] wrong =
        [
            ("status", "sold"),
            (Simple!.AmountField, "a lot"),
            (Simple.AmountField, -1),
            ("currency", "REAIS"),
            (Simple.OrderField, new string('x', 201)),
        ];
        foreach (var (field, value) in wrong)
        {
            var body = Simple.Sale(NewOrder(Shape.Simple));
            body[field] = value;
            await RefusedAsync(400, () => DeliverAsync(Shape.Simple, body), field);
        }
    }

    [Fact]
    public async Task A_status_nobody_knows_is_acknowledged_and_kept_encrypted()
    {
        var order = NewOrder(Shape.Native);
        var bytes = Seller.Bytes(UnknownStatus(order, seller.Secret));

        var answer = await SendAsync(bytes, ProofOf(Shape.Native, bytes, seller.Secret));

        answer.Code.ShouldBe(202, answer.Text);
        answer.Json.GetProperty("event_id").ValueKind.ShouldBe(JsonValueKind.Null);
        answer.IsDuplicate.ShouldBeFalse();
        (await SendAsync(bytes, ProofOf(Shape.Native, bytes, seller.Secret))).IsDuplicate.ShouldBeTrue();
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where tenant_id = $1 and type = 'delivery_not_understood'",
                seller.Tenant
            )
        ).ShouldBe(1);
        var kept = await server.Database.ScalarAsync<string>(
            "select string_agg(body, '') from kept_delivery where tenant_id = $1",
            seller.Tenant
        );
        kept.Length.ShouldBeGreaterThanOrEqualTo(bytes.Length);
        kept.ShouldNotContain(order, Case.Insensitive);
        Encoding.Latin1.GetString(Convert.FromBase64String(kept)).ShouldNotContain(order, Case.Insensitive);
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task Whatever_a_field_holds_the_answer_is_never_our_fault(Shape shape)
    {
        foreach (var (what, rawJson) in Hostile.Values)
        {
            var answers = await Task.WhenAll(
                Hostile
                    .InEachField(() => Body(shape, NewOrder(shape)), rawJson)
                    .Select(async hostile =>
                        (hostile.Path, Answer: await SendAsync(hostile.Body, ProofOf(shape, hostile.Body, seller.Secret)))
                    )
            );

            int[] expected = shape == Shape.Simple ? [202, 400] : [202, 401];
            answers.ShouldAllBe(
                one => expected.Contains(one.Answer.Code),
                $"{what}: {string.Join("; ", answers.Where(one => !expected.Contains(one.Answer.Code)))}"
            );
            // Beyond the fields that make a sale, and the one that proves it, a bad field costs the field.
            answers.Count(one => one.Answer.Code == 202).ShouldBeGreaterThan(answers.Length / 2, what);
        }

        await server.Host.SettledAsync();
        (await server.Database.ScalarAsync<long>("select count(*) from es_shard where state <> 'running'")).ShouldBe(0);
    }

    [Theory, InlineData(Shape.Native), InlineData(Shape.Simple)]
    public async Task Whatever_the_body_is_the_answer_is_never_our_fault(Shape shape)
    {
        var sale = Seller.Bytes(Body(shape, NewOrder(shape)));
        byte[][] bodies =
        [
            [0xff, 0xfe, 0x00],
            [.. sale[..^1], 0xff, (byte)'}'],
            [0xef, 0xbb, 0xbf, .. sale],
            [.. sale, 0x00],
            [.. sale, .. sale],
            Encoding.UTF8.GetBytes($"{new string('[', 100_000)}"),
            Encoding.UTF8.GetBytes($"{{\"a\":{new string('[', 500)}{new string(']', 500)}}}"),
            Encoding.UTF8.GetBytes("{\"\\ud800\":1}"),
            Encoding.UTF8.GetBytes($"{{\"{new string('x', 10_000)}\":1}}"),
            Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(sale)),
            Encoding.Latin1.GetBytes(Encoding.UTF8.GetString(sale).Replace("exemplo", "ação", StringComparison.Ordinal)),
        ];
        foreach (var body in bodies)
        {
            var answer = await SendAsync(body, ProofOf(shape, body, seller.Secret));
            answer.Code.ShouldBeOneOf(202, 400, 401);
        }
    }

    [Fact]
    public async Task What_is_optional_may_be_missing()
    {
        var order = NewOrder(Shape.Native);

        (await DeliverAsync(Shape.Native, Barest(order, seller.Secret))).Code.ShouldBe(202);

        (await StateAsync(order)).ShouldBe(PaymentState.Approved);
    }

    [Fact]
    public async Task Something_pending_is_recorded_and_not_sent_until_it_is_paid()
    {
        var order = NewOrder(Shape.Native);

        (await ReportAsync(order, PaymentState.Pending)).IsDuplicate.ShouldBeFalse();
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldBeEmpty();

        (await ReportAsync(order, PaymentState.Approved)).IsDuplicate.ShouldBeFalse();
        await OnceAsync(order);
    }

    [Fact]
    public async Task A_pending_that_comes_after_the_payment_adds_nothing()
    {
        var order = NewOrder(Shape.Native);
        var pending = Report(order, PaymentState.Pending, seller.Secret);
        await ReportAsync(order, PaymentState.Approved);

        (await DeliverAsync(Shape.Native, pending)).IsDuplicate.ShouldBeTrue();

        (await StateAsync(order)).ShouldBe(PaymentState.Approved);
        await OnceAsync(order);
    }

    [Theory]
    [InlineData(PaymentState.Refunded)]
    [InlineData(PaymentState.ChargedBack)]
    public async Task Money_that_went_back_changes_the_state_and_sends_nothing(PaymentState reversal)
    {
        var order = NewOrder(Shape.Native);
        await ReportAsync(order, PaymentState.Approved);

        (await ReportAsync(order, reversal)).IsDuplicate.ShouldBeFalse();

        (await StateAsync(order)).ShouldBe(reversal);
        await OnceAsync(order);
    }

    [Theory]
    [InlineData(PaymentState.Refunded)]
    [InlineData(PaymentState.ChargedBack)]
    public async Task A_reversal_that_overtakes_its_sale_leaves_it_reversed_and_sent_once(PaymentState reversal)
    {
        var order = NewOrder(Shape.Native);
        var approved = Report(order, PaymentState.Approved, seller.Secret);
        var reversed = Report(order, reversal, seller.Secret);

        (await DeliverAsync(Shape.Native, reversed)).Code.ShouldBe(202);
        (await DeliverAsync(Shape.Native, approved)).IsDuplicate.ShouldBeFalse();
        (await DeliverAsync(Shape.Native, approved)).IsDuplicate.ShouldBeTrue();

        (await StateAsync(order)).ShouldBe(reversal);
        await OnceAsync(order);
    }

    [Fact]
    public async Task Forty_sales_told_in_random_orders_with_repetitions_are_one_Purchase_each_where_they_were_paid()
    {
        var lives = Gen.Sample(Lives, 40, 10)
            .Select(told =>
            {
                var order = NewOrder(Shape.Native);
                // Made in the order of the sale's life, delivered in the other one.
                var bodies = told.Life.ToDictionary(state => state, state => Report(order, state, seller.Secret));
                return (Order: order, told.Life, Deliveries: told.Delivered.Select(state => bodies[state]).ToArray());
            })
            .ToArray();

        await Task.WhenAll(
            lives.Select(async life =>
            {
                foreach (var body in life.Deliveries)
                    (await DeliverAsync(Shape.Native, body)).Code.ShouldBe(202);
            })
        );

        await server.Host.SettledAsync();
        foreach (var (order, life, deliveries) in lives)
        {
            var what = $"{order}: {string.Join(" → ", life)}, in {deliveries.Length} deliveries";
            var isPaid = life.Contains(PaymentState.Approved);
            server.AtMeta(order).Sum(purchase => purchase.Times).ShouldBe(isPaid ? 1 : 0, what);
            // The last step of a life is where it stands, whatever came in last.
            (await StateAsync(order)).ShouldBe(life[^1], what);
        }
    }

    private static Gen<(PaymentState[] Life, PaymentState[] Delivered)> Lives =>
        from isPending in Gen.Elements(true, false)
        from isApproved in Gen.Frequency((4, Gen.Constant(true)), (1, Gen.Constant(false)))
        from reversal in Gen.Elements<PaymentState?>(null, PaymentState.Refunded, PaymentState.ChargedBack)
        let life = (PaymentState[])
            [
                .. isPending || !isApproved ? [PaymentState.Pending] : Array.Empty<PaymentState>(),
                .. isApproved ? [PaymentState.Approved] : Array.Empty<PaymentState>(),
                .. isApproved && reversal is { } reversed ? [reversed] : Array.Empty<PaymentState>(),
            ]
        from again in Gen.SubListOf<PaymentState>(life)
        from delivered in Gen.Shuffle(life.Concat(again).ToArray())
        select (life, delivered);

    [Fact]
    public async Task The_orders_of_two_tenants_are_two_sales()
    {
        var (order, other) = (NewOrder(Shape.Native), await server.NewSellerAsync(Gateway));

        (await ReportAsync(order, PaymentState.Approved)).IsDuplicate.ShouldBeFalse();
        var theirs = Seller.Bytes(PaidSale(order, other.Secret));
        (await SendAsync(theirs, ProofOf(Shape.Native, theirs, other.Secret), other)).IsDuplicate.ShouldBeFalse();

        await server.Host.SettledAsync();
        server.AtMeta(order).Select(purchase => purchase.EventId).Distinct().Count().ShouldBe(2);
    }

    protected string NewOrder(Shape shape) => $"{shape}-{seller.NewOrder()}";

    private JsonObject PaidSale(string order, string? secret) => Report(order, PaymentState.Approved, secret);

    private Task<Answer> ReportAsync(string order, PaymentState state) => DeliverAsync(Shape.Native, Report(order, state, seller.Secret));

    private async Task<PaymentState?> StateAsync(string order) =>
        PaymentHistory
            .From(
                (await server.Host.Store.ReadStreamAsync(new StreamId(seller.Tenant, $"conversion-{Gateway}-{order}"))).Select(recorded =>
                    recorded.Data
                )
            )
            ?.State;

    private JsonObject Body(Shape shape, string order, string? secret = null) =>
        shape == Shape.Native ? PaidSale(order, secret ?? seller.Secret) : SimpleOrSkip().Sale(order);

    private SimpleShape SimpleOrSkip()
    {
        Assert.SkipWhen(Simple is null, $"{Gateway} has no simple contract.");
        return Simple!;
    }

    private Proof ProofOf(Shape shape, byte[] body, string secret) =>
        shape == Shape.Native ? Prove(body, secret) : new Proof([(SimpleOrSkip().SignatureHeader, Seller.Sign(body, secret))]);

    private Task<Answer> DeliverAsync(Shape shape, JsonObject body, string? secret = null)
    {
        var bytes = Seller.Bytes(body);
        return SendAsync(bytes, ProofOf(shape, bytes, secret ?? seller.Secret));
    }

    private Task<Answer> SendAsync(byte[] body, Proof proof, Seller? to = null) =>
        (to ?? seller).DeliverAsync(Gateway, body, proof.Headers, proof.Query);

    private static ByteArrayContent Json(byte[] body) => new(body) { Headers = { ContentType = new("application/json") } };

    /// <summary>A problem that names what is wrong, and nothing stored.</summary>
    private async Task RefusedAsync(int code, Func<Task<Answer>> deliver, string? naming = null)
    {
        await server.Host.SettledAsync();
        var rows = await server.CountRowsAsync();

        var answer = await deliver();

        answer.Code.ShouldBe(code, answer.Text);
        answer.Json.GetProperty("status").GetInt32().ShouldBe(code);
        answer.Json.GetProperty("title").GetString().ShouldNotBeNullOrEmpty();
        if (naming is not null)
            answer.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain(naming, Case.Sensitive);
        (await server.CountRowsAsync()).ShouldBe(rows);
    }

    private async Task OnceAsync(string order)
    {
        await server.Host.SettledAsync();
        (await StoredAsync(order)).Count(type => type == "conversion_received").ShouldBe(1);
        var purchase = server.AtMeta(order).ShouldHaveSingleItem();
        purchase.Times.ShouldBe(1);
        (await CountAsync("conversion", order)).ShouldBe(1);
        (await CountAsync("match_log", order)).ShouldBe(1);
        (await CountAsync("dispatch_attempt", order)).ShouldBe(1);
    }

    private Task<long> CountAsync(string table, string order) =>
        server.Database.ScalarAsync<long>(
            $"select count(*) from {table} where tenant_id = $1 and conversion_id = $2",
            seller.Tenant,
            $"{Gateway}-{order}"
        );

    private Task<string[]> StoredAsync(string order) =>
        server.Database.ScalarAsync<string[]>(
            "select array_agg(type::text order by version) from mt_events where tenant_id = $1 and stream_id = $2",
            seller.Tenant,
            $"conversion-{Gateway}-{order}"
        );

    private async Task AllowAsync(params string[] networks)
    {
        await server.Host.Tenants.SetAllowListAsync(seller.Tenant, Gateway, networks);
        await Eventually.TrueAsync(
            () => Task.FromResult(server.Host.Directory.FindConnection(seller.Tenant, Gateway)?.AllowedNetworks.Count == networks.Length),
            "the allow list is known"
        );
    }
}
