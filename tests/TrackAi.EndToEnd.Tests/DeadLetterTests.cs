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

    [Theory]
    [InlineData("list")]
    [InlineData("redrive")]
    [InlineData("discard", "--because", "a test")]
    public async Task A_tenant_that_is_none_is_refused_by_name(params string[] verb)
    {
        var (code, output) = await RunAsync(["dlq", .. verb, "--tenant", "nobody"]);

        code.ShouldBe(1, output);
        output.ShouldContain("'nobody'");
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
    public async Task What_Meta_confirmed_in_the_meantime_is_never_put_back_not_even_by_force()
    {
        var (seller, order) = await RefusedAsync();
        server.Meta.ClearFaults();
        // Whoever sent it was slow, and heard of Meta's answer after it had been given up.
        var request = (await server.Host.Store.ReadStreamAsync(StreamOf(seller, order)))
            .Select(one => one.Data)
            .OfType<DispatchRequested>()
            .Single();
        await server.Host.Store.AppendAsync(
            new Append(
                StreamOf(seller, order),
                [
                    new DispatchSucceeded(
                        request.ConversionId,
                        request.Gateway,
                        request.DispatchId,
                        request.PixelId,
                        Attempt: 2,
                        HttpStatus: 200,
                        FbTraceId: null,
                        LatencyMs: 12,
                        Messages: [],
                        TimeProvider.System.GetUtcNow()
                    ),
                ]
            )
        );

        var (planned, plan) = await RunAsync("dlq", "redrive", "--tenant", seller.Tenant, "--dry-run");
        var (forced, output) = await RunAsync("dlq", "redrive", "--tenant", seller.Tenant, "--force");
        var (_, shown) = await RunAsync("dlq", "show", request.DispatchId, "--json");

        planned.ShouldBe(0, plan);
        plan.ShouldContain("     1  already_sent: Meta has confirmed it in the meantime: there is nothing to send.");
        output.ShouldContain("0 put back into the queue, 1 left.", Case.Sensitive, $"{forced}");
        JsonElement.Parse(shown).GetProperty("expectation").GetString().ShouldBe("already_sent");
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldBeEmpty();
        await DeadAsync(seller, 1);
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
    public async Task A_plan_names_every_kind_and_only_what_is_safe_is_put_back()
    {
        var seller = await server.NewSellerAsync();
        server.Meta.Inject(MetaFault.Error(400, 100, 2804050) with { Pixel = seller.PixelId });
        string[] orders = [.. Enumerable.Range(0, 4).Select(_ => seller.NewOrder())];
        foreach (var order in orders)
            (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await DeadAsync(seller, orders.Length);
        server.Meta.ClearFaults();
        await ChangeAsync(orders[1], "unknown_since = now() - interval '1 hour'");
        await ChangeAsync(orders[2], "unknown_since = now() - interval '3 days'");
        await ChangeAsync(orders[3], "expires_at = now() - interval '1 hour'");

        var (planned, plan) = await RunAsync("dlq", "redrive", "--tenant", seller.Tenant, "--dry-run");
        planned.ShouldBe(0, plan);
        foreach (var kind in (string[])["will_count", "will_be_deduplicated", "may_count_twice", "too_old"])
            plan.ShouldContain($"     1  {kind}:");
        await DeadAsync(seller, 4);
        var (code, output) = await RunAsync("dlq", "redrive", "--tenant", seller.Tenant);

        code.ShouldBe(0, output);
        output.ShouldContain("2 put back into the queue, 2 left.");
        await server.ArrivedAsync(orders[0]);
        await server.ArrivedAsync(orders[1]);
        await server.Host.SettledAsync();
        await DeadAsync(seller, 2);
        server.AtMeta(orders[2]).ShouldBeEmpty();
        server.AtMeta(orders[3]).ShouldBeEmpty();
        // Each redrive has an identity of its own.
        var redrives = await Task.WhenAll(orders[..2].Select(order => server.Host.Store.ReadStreamAsync(StreamOf(seller, order))));
        var both = redrives.Select(events => events.Select(one => one.Data).OfType<DispatchRedriven>().Single()).ToArray();
        both.Select(one => one.Expectation).ShouldBe(["will_count", "will_be_deduplicated"]);
        both.Select(one => (one.RedriveId, one.TraceId)).Distinct().ShouldHaveSingleItem();

        Task ChangeAsync(string order, string what) =>
            server.Database.ExecuteAsync(
                $"update dispatch_dead_letter set {what} where tenant_id = $1 and conversion_id = $2",
                seller.Tenant,
                $"perfectpay-{order}"
            );
    }

    [Fact]
    public async Task One_letter_is_shown_with_what_Meta_said_and_what_sending_it_again_would_come_to()
    {
        var (seller, order) = await RefusedAsync();
        server.Meta.ClearFaults();
        var id = $"{seller.EventId("perfectpay", order)}/{seller.PixelId}";

        var (code, output) = await RunAsync("dlq", "show", id);
        var (_, json) = await RunAsync("dlq", "show", id, "--json");

        code.ShouldBe(0, output);
        output.ShouldContain($"perfectpay-{order} of tenant {seller.Tenant}, for pixel {seller.PixelId}");
        output.ShouldContain("at attempt 1: permanent");
        output.ShouldContain("error        (#100) Something went wrong");
        output.ShouldContain("sent again   will_count: Meta never took it");
        var letter = JsonElement.Parse(json);
        letter.GetProperty("dispatchId").GetString().ShouldBe(id);
        letter.GetProperty("expectation").GetString().ShouldBe("will_count");
        var (unknown, said) = await RunAsync("dlq", "show", "nothing/1");
        (unknown, said).ShouldBe((1, "trackai: there is no dead letter nothing/1; 'dlq list' shows which there are."));
        (await RunAsync("dlq", "redrive", "nothing/1")).ShouldBe((unknown, said));
        (await RunAsync("dlq", "discard", "nothing/1", id, "--because", "a slip")).ShouldBe((unknown, said));
        (await RunAsync("dlq", "show", id)).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task A_letter_is_discarded_by_the_API_with_a_reason_and_by_nobody_else()
    {
        var ((mine, order), (other, _)) = (await RefusedAsync(), await RefusedAsync());
        server.Meta.ClearFaults();
        var key = (await server.Host.Services.GetRequiredService<IApiKeys>().AddAsync(mine.Tenant, "test")).Key;
        var ids = new[] { $"{mine.EventId("perfectpay", order)}/{mine.PixelId}" };
        var theirs = await server.Database.ScalarAsync<string>(
            "select dispatch_id from dispatch_dead_letter where tenant_id = $1",
            other.Tenant
        );

        (await SendAsync(null, "POST", "/discard", new { dispatchIds = ids, because = "a test" })).Code.ShouldBe(401);
        (await SendAsync(key, "POST", "/discard", new { dispatchIds = ids })).ShouldSatisfyAllConditions(
            refused => refused.Code.ShouldBe(400),
            refused => refused.Json.GetProperty("field").GetString().ShouldBe("because")
        );
        (await SendAsync(key, "POST", "/discard", new { because = "all of them" })).ShouldSatisfyAllConditions(
            refused => refused.Code.ShouldBe(400),
            refused => refused.Json.GetProperty("field").GetString().ShouldBe("dispatchIds")
        );
        (await CallAsync(key, "POST", "/discard", new { dispatchIds = new[] { theirs }, because = "not mine" }))
            .GetProperty("data")
            .GetArrayLength()
            .ShouldBe(0);
        var gone = await CallAsync(key, "POST", "/discard", new { dispatchIds = ids, because = "a test sale" });

        gone.GetProperty("data").EnumerateArray().ShouldHaveSingleItem().GetProperty("dispatchId").GetString().ShouldBe(ids[0]);
        var last = (await server.Host.Store.ReadStreamAsync(StreamOf(mine, order)))[^1].Data.ShouldBeOfType<DispatchDiscarded>();
        (last.Reason, last.By).ShouldBe(("a test sale", "API"));
        (await CallAsync(key, "GET", "", null)).GetProperty("data").GetArrayLength().ShouldBe(0);
        await DeadAsync(other, 1);
        // It is dead in the books for ever.
        var (code, output) = await RunAsync("verify");
        code.ShouldBe(0, output);
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
        await DeadAsync(seller, 1);
        return (seller, order);
    }

    private Task DeadAsync(Seller seller, long count) =>
        Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    "select count(*) = $2 from dispatch_dead_letter where tenant_id = $1",
                    seller.Tenant,
                    count
                ),
            $"{count} dead letters"
        );

    private async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments) =>
        await HostProcess.RunAsync(server.Settings, arguments);

    private async Task<JsonElement> CallAsync(string key, string method, string path, object? body)
    {
        var answer = await SendAsync(key, method, path, body);
        answer.Code.ShouldBe(200, answer.Text);
        return answer.Json;
    }

    private async Task<Answer> SendAsync(string? key, string method, string path, object? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/api/v1/dispatch/dead-letters{path}")
        {
            Content = body is null ? null : JsonContent.Create(body),
        };
        if (key is not null)
            request.Headers.Add("x-api-key", key);
        using var response = await server.Host.Http.SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }

    private static StreamId StreamOf(Seller seller, string order) =>
        new(seller.Tenant, Streams.Conversion(Streams.ConversionId("perfectpay", order)));
}
