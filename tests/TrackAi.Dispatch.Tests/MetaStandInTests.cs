using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrackAi.MetaStandIn;
using static TrackAi.Dispatch.Tests.Sales;

namespace TrackAi.Dispatch.Tests;

public sealed class MetaStandInTests : IAsyncLifetime
{
    private MetaStandInServer meta = null!;
    private HttpClient http = null!;

    public async ValueTask InitializeAsync() => await RestartAsync(new MetaStandInOptions { Time = new StoppedClock(Noon) });

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await meta.DisposeAsync();
    }

    [Fact]
    public async Task A_good_event_is_taken_and_answered_as_Meta_does()
    {
        var (status, answer) = await PostAsync(Good());

        status.ShouldBe(200);
        answer["events_received"]!.GetValue<int>().ShouldBe(1);
        answer["messages"]!.AsArray().ShouldBeEmpty();
        answer["fbtrace_id"]!.GetValue<string>().ShouldNotBeEmpty();
        var one = meta.Received.ShouldHaveSingleItem();
        (one.Pixel, one.EventName, one.EventId, one.Times).ShouldBe(("123", "Purchase", "e-1", 1));
        one.Event.GetProperty("custom_data").GetProperty("value").GetDecimal().ShouldBe(49.9m);
    }

    [Fact]
    public async Task The_same_event_again_is_counted_and_not_listed_twice()
    {
        await PostAsync(Good());
        await PostAsync(Good());
        await PostAsync(Good(), pixel: "456");

        (meta.ReceivedCount, meta.Duplicates, meta.Requests).ShouldBe((2, 1, 3));
        meta.Received.Select(one => one.Times).ShouldBe([2, 1]);
    }

    [Fact]
    public async Task One_invalid_event_takes_the_whole_batch_down()
    {
        var bad = Good();
        bad["event_time"] = Noon.AddDays(-7).AddSeconds(-1).ToUnixTimeSeconds();

        var (status, answer) = await PostAsync(Good(), bad);

        status.ShouldBe(400);
        var error = answer["error"]!;
        (error["type"]!.GetValue<string>(), error["code"]!.GetValue<int>(), error["error_subcode"]!.GetValue<int>()).ShouldBe(
            ("OAuthException", 100, 2804003)
        );
        error["error_user_title"]!.GetValue<string>().ShouldBe("Event Timestamp Too Old");
        error["is_transient"]!.GetValue<bool>().ShouldBeFalse();
        meta.ReceivedCount.ShouldBe(0);
    }

    /// <summary>Each line makes one mistake: the path of a field, and what stands there instead (nothing: the field is missing).</summary>
    [Theory]
    [InlineData("event_name", null)]
    [InlineData("event_name", "''")]
    [InlineData("event_time", null)]
    [InlineData("event_time", "'1795176000'")]
    [InlineData("event_time", "1795176000000")]
    [InlineData("event_time", "1795176001")]
    [InlineData("action_source", null)]
    [InlineData("action_source", "'web'")]
    [InlineData("event_source_url", null)]
    [InlineData("event_source_url", "'example.com'")]
    [InlineData("event_source_id", "'123'")]
    [InlineData("event_id", "7")]
    [InlineData("user_data", null)]
    [InlineData("user_data", "{}")]
    [InlineData("user_data/client_user_agent", null)]
    [InlineData("user_data/em", "'ana@example.com'")]
    [InlineData("user_data/em", "[]")]
    [InlineData("user_data/em", "[null]")]
    [InlineData("user_data/em", "'029C7290F14C4516673508635F0519DB95F7DAF42057FD0E4AD1DE84C5408A66'")]
    [InlineData("user_data/em", "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'")]
    [InlineData("user_data/country", "'BR'")]
    [InlineData("user_data/client_ip_address", "'somewhere'")]
    [InlineData("user_data/fbc", "'IwAR2abc'")]
    [InlineData("user_data/fbc", "'fb.1.1795000000.IwAR2abc'")]
    [InlineData("user_data/fbp", "'fb.1.1795000000000.IwAR2abc'")]
    [InlineData("user_data/hashed_maids", "'x'")]
    [InlineData("custom_data", null)]
    [InlineData("custom_data/value", null)]
    [InlineData("custom_data/value", "'49.90'")]
    [InlineData("custom_data/value", "-1")]
    [InlineData("custom_data/currency", null)]
    [InlineData("custom_data/currency", "'R$'")]
    [InlineData("custom_data/contents", "'P-7'")]
    public async Task A_mistake_in_an_event_is_refused(string path, string? instead)
    {
        var (status, answer) = await PostAsync(Changed(Good(), path, instead));

        (status, answer["error"]?["code"]?.GetValue<int>()).ShouldBe((400, 100));
        meta.ReceivedCount.ShouldBe(0);
    }

    [Theory]
    [InlineData("event_id", null)]
    [InlineData("event_time", "1795176000")]
    [InlineData("event_time", "1794571200")]
    [InlineData("user_data/em", "'029c7290f14c4516673508635f0519db95f7daf42057fd0e4ad1de84c5408a66'")]
    [InlineData("user_data/client_ip_address", "'2001:db8::1'")]
    [InlineData("user_data/fbc", "'fb.1.1795000000000.IwAR2_a-B.AQ'")]
    [InlineData("user_data/fbp", "'fb.1.1795000000000.123.AQIBAQIB'")]
    [InlineData("user_data/external_id", "'7'")]
    [InlineData("custom_data/value", "0")]
    [InlineData("custom_data/our_own", "'x'")]
    public async Task What_Meta_takes_is_taken(string path, string? instead) =>
        (await PostAsync(Changed(Good(), path, instead))).Status.ShouldBe(200);

    [Theory]
    [InlineData("ct country st zp ge client_user_agent", 400)]
    [InlineData("db client_user_agent", 400)]
    [InlineData("fn ge", 400)]
    [InlineData("ln ge", 400)]
    [InlineData("fn ln", 200)]
    [InlineData("em", 200)]
    public async Task Weak_customer_information_is_refused(string fields, int status)
    {
        var user = new JsonObject();
        foreach (var field in fields.Split(' '))
            user[field] = string.Equals(field, "client_user_agent", StringComparison.Ordinal) ? Browser : Hash(field);
        var sale = Good();
        sale["action_source"] = "system_generated";
        sale["user_data"] = user;

        (await PostAsync(sale)).Status.ShouldBe(status);
    }

    [Fact]
    public async Task Form_encoded_data_and_a_token_in_the_query_are_taken_too()
    {
        using var form = new FormUrlEncodedContent([new("data", new JsonArray(Good()).ToJsonString())]);

        using var response = await http.PostAsync("/v26.0/123/events?access_token=t", form);

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        meta.Received.ShouldHaveSingleItem().TokenFingerprint.ShouldBe(MetaStandInServer.Fingerprint("t"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{\"access_token\":\"t\"}")]
    [InlineData("{\"access_token\":\"t\",\"data\":{}}")]
    [InlineData("{\"access_token\":\"t\",\"data\":[]}")]
    public async Task A_request_without_events_is_refused(string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var response = await http.PostAsync("/v26.0/123/events", content);

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await response.Content.ReadFromJsonAsync<JsonObject>())!["error"]!["code"]!.GetValue<int>().ShouldBe(100);
    }

    [Fact]
    public async Task More_than_a_thousand_events_are_refused() =>
        (await PostAsync([.. Enumerable.Range(0, 1001).Select(_ => Good())])).Status.ShouldBe(400);

    [Fact]
    public async Task A_missing_and_an_unknown_token_are_refused()
    {
        await RestartAsync(new MetaStandInOptions { Time = new StoppedClock(Noon), ValidTokens = ["known"] });

        (await CodeAsync(null)).ShouldBe((401, 190));
        (await CodeAsync("unknown")).ShouldBe((400, 190));
        (await PostAsync([Good()], token: "known")).Status.ShouldBe(200);

        async Task<(int, int)> CodeAsync(string? token)
        {
            var (status, answer) = await PostAsync([Good()], token: token);
            return (status, answer["error"]!["code"]!.GetValue<int>());
        }
    }

    [Fact]
    public async Task An_unknown_pixel_and_an_unproven_app_are_refused()
    {
        await RestartAsync(new MetaStandInOptions { Time = new StoppedClock(Noon), KnownPixels = ["123"] });
        (await PostAsync(Good())).Status.ShouldBe(200);
        (await PostAsync(Good(), pixel: "456")).Answer["error"]!["error_subcode"]!.GetValue<int>().ShouldBe(33);

        await RestartAsync(new MetaStandInOptions { Time = new StoppedClock(Noon), AppSecret = "secret" });
        (await PostAsync(Good())).Status.ShouldBe(400);
    }

    [Fact]
    public async Task What_was_received_is_remembered_across_a_restart_and_a_torn_line_is_not()
    {
        var ledger = Path.Combine(Path.GetTempPath(), $"trackai-ledger-{Guid.CreateVersion7()}.jsonl");
        var options = new MetaStandInOptions { Time = new StoppedClock(Noon), LedgerFile = ledger };
        try
        {
            await RestartAsync(options);
            await PostAsync(Good());
            await PostAsync(Changed(Good(), "event_id", "'ação'"));
            await meta.DisposeAsync();
            await File.AppendAllTextAsync(ledger, "{\"At\":\"2026");

            await RestartAsync(options);
            meta.Received.Select(one => one.EventId).ShouldBe(["e-1", "ação"]);
            await PostAsync(Good());
            (meta.ReceivedCount, meta.Duplicates).ShouldBe((2, 1));

            await RestartAsync(options);
            (meta.ReceivedCount, meta.Duplicates, meta.Received[0].Times).ShouldBe((2, 1, 2));
        }
        finally
        {
            await meta.DisposeAsync();
            File.Delete(ledger);
        }
    }

    [Fact]
    public async Task Faults_are_set_and_cleared_over_HTTP()
    {
        using (
            await http.PostAsJsonAsync(
                "/__faults",
                new
                {
                    kind = "error",
                    status = 503,
                    code = 2,
                    pixel = "123",
                    times = 2,
                }
            )
        ) { }

        (await PostAsync(Good(), pixel: "456")).Status.ShouldBe(200);
        (await PostAsync(Good())).Status.ShouldBe(503);
        (await PostAsync(Good())).Status.ShouldBe(503);
        (await PostAsync(Good())).Status.ShouldBe(200);

        using (await http.PostAsJsonAsync("/__faults", new { kind = "html" })) { }
        using (await http.DeleteAsync("/__faults")) { }
        (await PostAsync(Good())).Status.ShouldBe(200);

        using var unknown = await http.PostAsJsonAsync("/__faults", new { kind = "flood" });
        unknown.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_delay_is_added_to_what_else_goes_wrong()
    {
        meta.Inject(MetaFault.Delay(TimeSpan.FromMilliseconds(120)));
        meta.Inject(MetaFault.Error(500) with { Times = 1 });
        var start = TimeProvider.System.GetTimestamp();

        (await PostAsync(Good())).Status.ShouldBe(500);

        TimeProvider.System.GetElapsedTime(start).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(100));
        (await PostAsync(Good())).Status.ShouldBe(200);
    }

    [Fact]
    public async Task What_arrived_is_listed_over_HTTP()
    {
        await PostAsync(Good());

        var listed = await http.GetFromJsonAsync<JsonElement>("/__received?pixel=123");

        listed.GetProperty("requests").GetInt32().ShouldBe(1);
        listed.GetProperty("events")[0].GetProperty("event_id").GetString().ShouldBe("e-1");
        (await http.GetFromJsonAsync<JsonElement>("/__received?pixel=456")).GetProperty("events").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task A_token_can_be_asked_about()
    {
        await RestartAsync(new MetaStandInOptions { ValidTokens = ["known"] });

        (await IsValidAsync("known")).ShouldBeTrue();
        (await IsValidAsync("unknown")).ShouldBeFalse();

        async Task<bool> IsValidAsync(string token) =>
            (await http.GetFromJsonAsync<JsonElement>($"/debug_token?input_token={token}&access_token=app"))
                .GetProperty("data")
                .GetProperty("is_valid")
                .GetBoolean();
    }

    [Fact]
    public async Task Waiting_for_what_does_not_come_says_what_came() =>
        (
            await Should.ThrowAsync<TimeoutException>(() =>
                meta.WaitForAsync(server => server.ReceivedCount == 1, TimeSpan.FromMilliseconds(50))
            )
        ).Message.ShouldContain("0 events taken");

    private async Task RestartAsync(MetaStandInOptions options)
    {
        if (meta is not null)
            await DisposeAsync();
        meta = await MetaStandInServer.StartAsync(options);
        http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(meta.BaseUrl) };
    }

    private Task<(int Status, JsonObject Answer)> PostAsync(params JsonObject[] events) => PostAsync(events, "123");

    private Task<(int Status, JsonObject Answer)> PostAsync(JsonObject serverEvent, string pixel) => PostAsync([serverEvent], pixel);

    private async Task<(int Status, JsonObject Answer)> PostAsync(JsonObject[] events, string pixel = "123", string? token = "t")
    {
        var body = new JsonObject { ["data"] = new JsonArray([.. events]) };
        if (token is not null)
            body["access_token"] = token;
        using var response = await http.PostAsJsonAsync($"/v26.0/{pixel}/events", body);
        return ((int)response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonObject>())!);
    }

    private static JsonObject Changed(JsonObject serverEvent, string path, string? instead)
    {
        var names = path.Split('/');
        var parent = names.Length == 1 ? serverEvent : serverEvent[names[0]]!.AsObject();
        if (instead is null)
            parent.Remove(names[^1]);
        else
            parent[names[^1]] = JsonNode.Parse(instead.Replace('\'', '"'));
        return serverEvent;
    }

    private static JsonObject Good() =>
        new()
        {
            ["event_name"] = "Purchase",
            ["event_time"] = Noon.AddMinutes(-5).ToUnixTimeSeconds(),
            ["event_id"] = "e-1",
            ["action_source"] = "website",
            ["event_source_url"] = Page,
            ["user_data"] = new JsonObject
            {
                ["em"] = new JsonArray(Hash("ana@example.com")),
                ["client_user_agent"] = Browser,
                ["client_ip_address"] = "203.0.113.7",
                ["fbc"] = "fb.1.1795000000000.IwAR2abcDEF",
                ["fbp"] = "fb.1.1795000000000.123456789",
            },
            ["custom_data"] = new JsonObject { ["value"] = 49.9m, ["currency"] = "BRL" },
        };
}
