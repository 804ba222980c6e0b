using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.Stripe;

/// <summary>What is damaged on disk costs itself only.</summary>
public sealed class HeldDamageTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    private readonly long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    [Fact]
    public async Task A_held_delivery_that_does_not_open_keeps_no_other_waiting_and_the_host_goes_on()
    {
        var seller = await server.NewSellerAsync("stripe");
        await HoldAsync(seller, "damaged");
        await server.Database.ExecuteAsync(
            $"update held_delivery set body = overlay(body placing 'AAAAAAAA' from 41) where tenant_id = '{seller.Tenant}'"
        );

        foreach (var payer in (string[])["ana", "rui"])
        {
            await HoldAsync(seller, payer);
            await server.Database.ExecuteAsync($"update held_delivery set due_at = now() where tenant_id = '{seller.Tenant}'");
            await Eventually.TrueAsync(
                async () =>
                    await server.Database.ScalarAsync<long>(
                        "select count(*) from mt_streams where tenant_id = $1 and id = $2",
                        seller.Tenant,
                        $"conversion-stripe-pi_{payer}"
                    ) == 1,
                $"the payment of {payer} to be recorded"
            );
        }

        // A recorded one is taken away a moment after.
        await Eventually.TrueAsync(
            async () =>
                await server.Database.ScalarAsync<long>("select count(*) from held_delivery where tenant_id = $1", seller.Tenant) == 1,
            "the damaged one, and no other, to be held"
        );
    }

    [Fact]
    public async Task A_held_delivery_whose_sale_is_archived_is_kept_with_the_reason_and_waits_no_longer()
    {
        var seller = await server.NewSellerAsync("stripe");
        await HoldAsync(seller, "archived");
        await server.Database.ExecuteAsync(
            "insert into mt_streams (tenant_id, id, version, is_archived) values ($1, 'conversion-stripe-pi_archived', 1, true)",
            seller.Tenant
        );
        await server.Database.ExecuteAsync("update held_delivery set due_at = now() where tenant_id = $1", seller.Tenant);

        await Eventually.TrueAsync(
            async () =>
                await server.Database.ScalarAsync<long>("select count(*) from held_delivery where tenant_id = $1", seller.Tenant) == 0,
            "it to be held no longer"
        );

        var replay = server.Host.Services.GetRequiredService<ReplayDeliveries>();
        (await replay.ListAsync(seller.Tenant, null)).ShouldHaveSingleItem().Reason.ShouldContain("archived");
        (await replay.ReplayAsync(seller.Tenant, null, null, isRehearsal: false)).ShouldHaveSingleItem().Outcome.ShouldBe("not_understood");
        await server.Database.ExecuteAsync(
            "delete from mt_streams where tenant_id = $1 and id = 'conversion-stripe-pi_archived'",
            seller.Tenant
        );
        (await replay.ReplayAsync(seller.Tenant, null, null, isRehearsal: false)).ShouldHaveSingleItem().Outcome.ShouldBe("sale");
        (await replay.ListAsync(seller.Tenant, null)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_held_delivery_whose_sale_has_an_event_that_cannot_be_read_is_kept_with_the_reason_and_waits_no_longer()
    {
        var seller = await server.NewSellerAsync("stripe");
        await HoldAsync(seller, "unreadable");
        var position = await server.Database.ScalarAsync<long>(
            """
            select (mt_quick_append_events(
                'conversion-stripe-pi_unreadable', null, $1, array[gen_random_uuid()], array['conversion_enriched'],
                array['TrackAi.Contracts.ConversionEnriched, TrackAi.Contracts'], array['{"added":"no list"}'::jsonb], array[null]::bytea[],
                array[null]::varchar[], array[null]::varchar[], array['{}'::jsonb], array[now()]))[2]
            """,
            seller.Tenant
        );
        await server.Database.ExecuteAsync("update held_delivery set due_at = now() where tenant_id = $1", seller.Tenant);

        await Eventually.TrueAsync(
            async () =>
                await server.Database.ScalarAsync<long>("select count(*) from held_delivery where tenant_id = $1", seller.Tenant) == 0,
            "it to be held no longer"
        );

        var replay = server.Host.Services.GetRequiredService<ReplayDeliveries>();
        (await replay.ListAsync(seller.Tenant, null))
            .ShouldHaveSingleItem()
            .Reason.ShouldBe($"event {position} of its sale cannot be read");
    }

    // A charge that names no invoice may be a subscription's.
    private async Task HoldAsync(Seller seller, string payer)
    {
        var root = JsonNode.Parse(Deliveries.Payload("Stripe", "charge.succeeded"))!;
        (root["id"], root["created"]) = ($"evt_{payer}", now - 1);
        var charge = root["data"]!["object"]!;
        (charge["id"], charge["payment_intent"], charge["customer"]) = ($"ch_{payer}", $"pi_{payer}", $"cus_{payer}");
        charge["metadata"] = new JsonObject();
        var body = root.ToJsonString();
        var answer = await seller.DeliverAsync(
            "stripe",
            Encoding.UTF8.GetBytes(body),
            [("Stripe-Signature", $"t={now},v1={Signatures.V1(now, body, seller.Secret)}")]
        );
        answer.Code.ShouldBe(202, answer.Text);
    }
}
