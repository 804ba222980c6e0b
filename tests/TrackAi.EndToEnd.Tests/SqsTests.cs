using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>The whole product with SQS between the log and the senders.</summary>
public sealed class SqsTests(SqsTests.BySqs server) : IClassFixture<SqsTests.BySqs>
{
    public class BySqs : TrackAiServer
    {
        static BySqs()
        {
            Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST");
            Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anybody");
        }

        public SqsServer Sqs { get; } = new();

        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["Dispatch:Transport"] = "sqs",
                ["Sqs:ServiceUrl"] = Sqs.Url,
                ["Sqs:Region"] = "us-east-1",
                ["Sqs:Wait"] = "00:00:01",
                ["Sqs:Visibility"] = "00:00:03",
                ["Sqs:HandOverAgain"] = "00:00:02",
            };

        public override async ValueTask InitializeAsync()
        {
            await Sqs.InitializeAsync();
            await base.InitializeAsync();
        }

        public override async ValueTask DisposeAsync()
        {
            GC.SuppressFinalize(this);
            await base.DisposeAsync();
            await Sqs.DisposeAsync();
        }
    }

    [Fact]
    public async Task Sales_reach_Meta_once_also_those_of_a_time_without_SQS()
    {
        var seller = await server.NewSellerAsync();
        var orders = Enumerable.Range(0, 20).Select(_ => seller.NewOrder()).ToArray();
        foreach (var order in orders[..10])
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await server.Sqs.StopAsync();
        foreach (var order in orders[10..])
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202, "what SQS does is no business of the webhook");

        await server.Sqs.StartAsync();

        await server.Host.SettledAsync();
        foreach (var order in orders)
            server.AtMeta(order).ShouldHaveSingleItem().EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        var (code, output) = await HostProcess.RunAsync(server.Settings, "verify");
        code.ShouldBe(0, output);
    }
}
