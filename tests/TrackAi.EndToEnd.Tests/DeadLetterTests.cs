using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>What was given up can be looked at, sent again where that is safe, and put away; and what would be sent can be seen beforehand.</summary>
public sealed class DeadLetterTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_dead_letter_is_planned_then_redriven_under_its_own_id_and_leaves_a_trace()
    {
        var (seller, order) = await RefusedAsync();
        server.Meta.ClearFaults();

        var (planned, plan) = await RunAsync("dlq", "redrive", "--tenant", seller.Tenant, "--dry-run");
        (planned, plan).ShouldBe((0, plan));
        plan.ShouldContain("1  will_count:");
        plan.ShouldContain("Nothing was done");
        server.AtMeta(order).ShouldBeEmpty();
        var (code, output) = await RunAsync("dlq", "redrive", "--tenant", seller.Tenant, "--json");

        code.ShouldBe(0, output);
        await server.ArrivedAsync(order);
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        var events = await server.Host.Store.ReadStreamAsync(StreamOf(seller, order));
        events.Select(one => one.Type).TakeLast(3).ShouldBe(["dispatch_dead_lettered", "dispatch_redriven", "dispatch_succeeded"]);
        var redrive = (DispatchRedriven)events[^2].Data;
        (redrive.Expectation, redrive.By, redrive.TraceId?.Length).ShouldBe(("will_count", "command line", 32));
        events[^1].CorrelationId.ShouldBe($"{redrive.RedriveId}");
        (await RunAsync("dlq", "list", "--tenant", seller.Tenant)).Output.ShouldContain("There are no dead letters.");
    }

    [Fact]
    public async Task What_may_count_twice_is_left_unless_it_is_forced()
    {
        var (seller, order) = await RefusedAsync();
        server.Meta.ClearFaults();
        await server.Database.ExecuteAsync(
            "update dispatch_dead_letter set unknown_since = now() - interval '3 days' where tenant_id = $1",
            seller.Tenant
        );
        var letters = server.Host.Services.GetRequiredService<IDeadLetters>();
        var filter = new DeadLetterFilter(seller.Tenant);

        var careful = await letters.RedriveAsync(filter, "test", force: false, CancellationToken.None);
        careful.Left.ShouldHaveSingleItem().Expectation.ShouldBe("may_count_twice");
        careful.Redriven.ShouldBeEmpty();
        (await letters.RedriveAsync(filter, "test", force: true, CancellationToken.None)).Redriven.Count.ShouldBe(1);

        await server.ArrivedAsync(order);
    }

    [Fact]
    public async Task A_tenant_redrives_and_discards_its_own_by_the_API_and_nobody_elses()
    {
        var ((mine, order), (other, _)) = (await RefusedAsync(), await RefusedAsync());
        server.Meta.ClearFaults();
        var key = (await server.Host.Services.GetRequiredService<IApiKeys>().AddAsync(mine.Tenant, "test")).Key;

        var listed = await CallAsync(key, "GET", "", null);
        var id = listed.GetProperty("data").EnumerateArray().ShouldHaveSingleItem().GetProperty("dispatchId").GetString();
        var plan = await CallAsync(key, "POST", "/redrive", new { dryRun = true });
        plan.GetProperty("redriven").GetArrayLength().ShouldBe(1);
        (await CallAsync(key, "POST", "/redrive", new { dispatchIds = new[] { id } })).GetProperty("redriven").GetArrayLength().ShouldBe(1);

        await server.ArrivedAsync(order);
        (await server.Database.ScalarAsync<long>("select count(*) from dispatch_dead_letter where tenant_id = $1", other.Tenant)).ShouldBe(
            1
        );
    }

    [Fact]
    public async Task A_discarded_letter_stays_dead_and_is_listed_no_more()
    {
        var (seller, order) = await RefusedAsync();
        server.Meta.ClearFaults();

        var (code, output) = await RunAsync("dlq", "discard", "--tenant", seller.Tenant, "--because", "a test sale");

        (code, output).ShouldBe((0, "1 discarded."));
        var last = (await server.Host.Store.ReadStreamAsync(StreamOf(seller, order)))[^1].Data.ShouldBeOfType<DispatchDiscarded>();
        last.Reason.ShouldBe("a test sale");
        (await RunAsync("dlq", "discard", "--tenant", seller.Tenant, "--because", "again")).ExitCode.ShouldBe(1);
        server.AtMeta(order).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_preview_is_the_very_JSON_that_is_sent_but_for_the_token()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var click = await seller.ClickAsync();
        (await seller.DeliverAsync(Seller.Sale(order, clickId: click))).Code.ShouldBe(202);
        var sent = await server.ArrivedAsync(order);

        var (code, output) = await RunAsync("dispatch", "preview", $"perfectpay-{order}", "--tenant", seller.Tenant, "--json");

        code.ShouldBe(0, output);
        var preview = JsonElement.Parse(output).EnumerateArray().ShouldHaveSingleItem();
        JsonElement.DeepEquals(preview.GetProperty("request").GetProperty("data")[0], sent.Event).ShouldBeTrue(output);
        preview.GetProperty("request").GetProperty("access_token").GetString().ShouldBe("(hidden)");
        preview.GetProperty("problems").GetArrayLength().ShouldBe(0);
        (await RunAsync("dispatch", "preview", "perfectpay-none", "--tenant", seller.Tenant)).ExitCode.ShouldBe(1);
    }

    /// <summary>A sale whose event Meta refuses for good.</summary>
    private async Task<(Seller Seller, string Order)> RefusedAsync()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        server.Meta.Inject(MetaFault.Error(400, 100, 2804050) with { Pixel = seller.PixelId });
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select count(*) = 1 from dispatch_dead_letter where tenant_id = $1", seller.Tenant),
            "the dead letter"
        );
        return (seller, order);
    }

    private async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments) =>
        await HostProcess.RunAsync(server.Settings, arguments);

    private async Task<JsonElement> CallAsync(string key, string method, string path, object? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/api/v1/dispatch/dead-letters{path}")
        {
            Content = body is null ? null : JsonContent.Create(body),
        };
        request.Headers.Add("x-api-key", key);
        using var response = await server.Host.Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        ((int)response.StatusCode).ShouldBe(200, text);
        return JsonElement.Parse(text);
    }

    private static StreamId StreamOf(Seller seller, string order) =>
        new(seller.Tenant, Streams.Conversion(Streams.ConversionId("perfectpay", order)));
}
