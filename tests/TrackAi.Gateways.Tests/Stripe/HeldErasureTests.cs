using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.Stripe;

/// <summary>A payment that waits for its sale is its payer's data, too.</summary>
public sealed class HeldErasureTests(TrackAiServer server) : IClassFixture<TrackAiServer>, IAsyncLifetime
{
    private readonly long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
    private Seller seller = null!;

    private IPersonRequests Requests => server.Host.Services.GetRequiredService<IPersonRequests>();

    public async ValueTask InitializeAsync() => seller = await server.NewSellerAsync("stripe");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Who_is_erased_while_a_delivery_waits_for_another_one_is_gone_with_it()
    {
        await PayAsync("ana");
        await PayAsync("rui");
        await server.Host.SettledAsync();
        (await HeldAsync(), await TracedAsync()).ShouldBe((2, 2), "otherwise this test looks at nothing");
        var export = await Requests.ExportAsync(Request("ana"));
        export.Held.Count(held => held.Table == "held_delivery").ShouldBe(1);
        export.Held.Count(held => held.Table == "sale_name").ShouldBe(1);

        var certificate = await Requests.EraseAsync(Request("ana"), dryRun: false);

        (certificate.Swept["held_delivery"], certificate.Swept["sale_name"]).ShouldBe((1, 1));
        certificate.Streams.Count.ShouldBe(2);
        (await HeldAsync(), await TracedAsync()).ShouldBe((1, 1), "nothing of another is touched");
        (await Requests.ExportAsync(Request("ana"))).Held.ShouldBeEmpty();
        (await Requests.ExportAsync(Request("rui"))).Held.Count(held => held.Table is "held_delivery" or "sale_name").ShouldBe(2);
    }

    // A subscription's invoice, which is the sale, and its charge, which names no invoice and is held.
    private async Task PayAsync(string who)
    {
        await DeliverAsync(
            "invoice.paid_renewal",
            told =>
            {
                (told["id"], told["customer"], told["customer_email"]) = ($"in_{who}", $"cus_{who}", $"{who}@exemplo.com.br");
                (told["customer_phone"], told["metadata"]) = (null, new JsonObject());
                told["billing_reason"] = "subscription_create";
                told["status_transitions"]!["paid_at"] = now - 1;
            },
            $"evt_invoice_{who}"
        );
        await DeliverAsync(
            "charge.succeeded",
            told =>
            {
                (told["id"], told["payment_intent"], told["customer"]) = ($"ch_{who}", $"pi_{who}", $"cus_other_{who}");
                (told["billing_details"]!["email"], told["billing_details"]!["phone"]) = ($"{who}@exemplo.com.br", null);
                told["metadata"] = new JsonObject();
            },
            $"evt_charge_{who}"
        );
    }

    private async Task DeliverAsync(string payload, Action<JsonNode> change, string id)
    {
        var root = JsonNode.Parse(Deliveries.Payload("Stripe", payload))!;
        (root["id"], root["created"]) = (id, now - 1);
        change(root["data"]!["object"]!);
        var body = root.ToJsonString();
        var answer = await seller.DeliverAsync(
            "stripe",
            Encoding.UTF8.GetBytes(body),
            [("Stripe-Signature", $"t={now},v1={Signatures.V1(now, body, seller.Secret)}")]
        );
        answer.Code.ShouldBe(202, answer.Text);
    }

    private PersonRequest Request(string who) => new(seller.Tenant, [$"{who}@exemplo.com.br"], [], []);

    private Task<long> HeldAsync() =>
        server.Database.ScalarAsync<long>("select count(*) from held_delivery where tenant_id = $1", seller.Tenant);

    private Task<long> TracedAsync() =>
        server.Database.ScalarAsync<long>("select count(*) from sale_name where tenant_id = $1 and trace is not null", seller.Tenant);
}
