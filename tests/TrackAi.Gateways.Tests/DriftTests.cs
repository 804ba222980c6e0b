using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.Gateways.PerfectPay;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>A gateway changes its format: nothing is refused, nothing is lost, and it is read once the mapping is mended.</summary>
public sealed class DriftTests(TrackAiServer server) : IClassFixture<TrackAiServer>, IAsyncLifetime
{
    private Seller seller = null!;

    public async ValueTask InitializeAsync() => seller = await server.NewSellerAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task What_was_not_understood_is_listed_by_its_reason_and_its_shape_and_by_no_value()
    {
        var order = seller.NewOrder();
        var answer = await DeliverAsync(order);

        var listed = (await Replay().ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();

        answer.Json.GetProperty("note").GetString().ShouldBe("Kept, not understood: sale_status_enum 99");
        (listed.Gateway, listed.Reason).ShouldBe(("perfectpay", "sale_status_enum 99"));
        listed.Shape.ShouldContain("customer:{full_name:string,email:string");
        $"{listed}".ShouldNotContain(order);
        $"{listed}".ShouldNotContain("exemplo");
        (await Replay().ListAsync("another", null)).ShouldBeEmpty();
        (await Replay().ListAsync(null, "stripe")).ShouldNotContain(one => one.Tenant == seller.Tenant);
    }

    [Fact]
    public async Task While_the_mapping_is_as_it_was_a_replay_says_so_and_keeps_it()
    {
        await DeliverAsync(seller.NewOrder());

        (await Replay().ReplayAsync(seller.Tenant, null, null, isRehearsal: false))
            .ShouldHaveSingleItem()
            .Outcome.ShouldBe("not_understood");

        (await Replay().ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task After_the_mapping_was_mended_a_replay_records_it_as_it_was_received_and_it_is_sent_once()
    {
        var order = seller.NewOrder();
        var body = Body(order);
        await DeliverAsync(body);
        var kept = (await Replay().ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();
        var mended = Replay(new Mended());

        (await mended.ReplayAsync(seller.Tenant, null, kept.DeliveryId, isRehearsal: true))
            .ShouldHaveSingleItem()
            .Detail.ShouldBe($"Approved of order {order}");
        (await Replay().ListAsync(seller.Tenant, null)).ShouldHaveSingleItem("a rehearsal changes nothing");

        (await mended.ReplayAsync(seller.Tenant, null, kept.DeliveryId, isRehearsal: false))
            .ShouldHaveSingleItem()
            .Outcome.ShouldBe("sale");

        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
        (await Replay().ListAsync(seller.Tenant, null)).ShouldBeEmpty();
        (await ReceivedAsync(order)).ReceivedAt.ShouldBe(kept.ReceivedAt, TimeSpan.FromMilliseconds(1));
        // The log says how it ended, and the bytes that come again add nothing.
        (await EventsAsync($"delivery-perfectpay-{kept.DeliveryId}"))
            .OfType<DeliveryUnderstood>()
            .ShouldHaveSingleItem()
            .ConversionId.ShouldBe($"perfectpay-{order}");
        (await mended.ReplayAsync(seller.Tenant, null, null, isRehearsal: false)).ShouldBeEmpty();
        (await DeliverAsync(body)).IsDuplicate.ShouldBeTrue();
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(1);
    }

    [Fact]
    public async Task What_nobody_understood_in_time_is_forgotten()
    {
        await DeliverAsync(seller.NewOrder());
        var kept = server.Host.Services.GetRequiredService<KeptDeliveries>();

        await kept.ForgetOlderThanAsync(TimeSpan.FromDays(30), default);
        (await Replay().ListAsync(seller.Tenant, null)).ShouldHaveSingleItem();

        await server.Database.ExecuteAsync(
            "update kept_delivery set received_at = received_at - interval '31 days' where tenant_id = $1",
            seller.Tenant
        );
        await kept.ForgetOlderThanAsync(TimeSpan.FromDays(30), default);
        (await Replay().ListAsync(seller.Tenant, null)).ShouldBeEmpty();
    }

    // PerfectPay invents status 99, which means that it is paid.
    private sealed class Mended : IGateway
    {
        private readonly PerfectPayGateway real = new();

        public string Name => real.Name;

        public bool Verify(WebhookDelivery delivery, string secret) => real.Verify(delivery, secret);

        public Translation Translate(WebhookDelivery delivery)
        {
            var root = JsonNode.Parse(delivery.Body.Span)!;
            root["sale_status_enum"] = 2;
            return real.Translate(delivery.Part(Seller.Bytes(root)));
        }
    }

    private ReplayDeliveries Replay(IGateway? gateway = null)
    {
        var services = server.Host.Services;
        return gateway is null
            ? services.GetRequiredService<ReplayDeliveries>()
            : new ReplayDeliveries(
                services.GetRequiredService<KeptDeliveries>(),
                new GatewayRegistry([gateway]),
                services.GetRequiredService<RecordDelivery>(),
                services.GetRequiredService<IPersonalData>(),
                services.GetRequiredService<ITenantAdministration>()
            );
    }

    private JsonObject Body(string order) => seller.Postback(order, 99);

    private Task<Answer> DeliverAsync(string order) => DeliverAsync(Body(order));

    private async Task<Answer> DeliverAsync(JsonObject body)
    {
        var answer = await seller.DeliverAsync("perfectpay", Seller.Bytes(body), []);
        answer.Code.ShouldBe(202, answer.Text);
        return answer;
    }

    private async Task<ConversionReceived> ReceivedAsync(string order) =>
        (await EventsAsync($"conversion-perfectpay-{order}")).OfType<ConversionReceived>().Single();

    private async Task<IReadOnlyList<object>> EventsAsync(string stream) =>
        [.. (await server.Host.Store.ReadStreamAsync(new(seller.Tenant, stream))).Select(recorded => recorded.Data)];
}
