using System.Net.Http.Json;
using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A host whose administrators may add sellers over HTTP.</summary>
public sealed class AdministeredServer : TrackAiServer
{
    public const string AdminKey = "the admin key of the tests";

    public override IReadOnlyDictionary<string, string?> Settings =>
        new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
        {
            ["Admin:ApiKey"] = AdminKey,
            ["PublicUrl"] = "https://track.example/",
        };
}

/// <summary>A seller is brought in by one command or one request, and probed.</summary>
public sealed class OnboardingTests(AdministeredServer server) : IClassFixture<AdministeredServer>
{
    private const string Pixel = "700000000000001";

    [Fact]
    public async Task One_command_brings_a_seller_in_and_says_what_to_paste()
    {
        string[] arguments =
        [
            "onboard",
            "loja-cli",
            "--name",
            "Loja de Violões",
            "--gateway",
            "hotmart",
            "--product",
            "777",
            "--secret",
            "hottok-1",
            "--pixel",
            Pixel,
            "--pixel-token",
            "EAAG-cli",
            "--origin",
            "https://loja.example",
            "--json",
        ];

        var first = await RunAsync(arguments);
        Texts(first, "changed").ShouldBe(["tenant", "funnel", "secret", "pixel", "origins"]);
        Texts(first, "missing").ShouldBeEmpty();
        first.GetProperty("webhookUrl").GetString().ShouldBe("https://track.example/api/v1/webhooks/hotmart/loja-cli");
        first
            .GetProperty("snippet")
            .GetString()
            .ShouldBe("""<script async src="https://track.example/track.js" data-tenant="loja-cli"></script>""");

        // Again: nothing to do.
        Texts(await RunAsync(arguments), "changed").ShouldBeEmpty();
        var tenant = await server.Host.Tenants.ShowAsync("loja-cli");
        tenant.Tenant.Name.ShouldBe("Loja de Violões");
        tenant.Tenant.Origins.ShouldBe(["https://loja.example"]);
        var funnel = tenant.Funnels.ShouldHaveSingleItem();
        (funnel.FunnelId, funnel.Gateway, funnel.ProductId, funnel.PixelId, funnel.IsDefault).ShouldBe(
            ("hotmart", "hotmart", "777", Pixel, true)
        );

        // A second gateway, without what it needs: it is said.
        var second = await RunAsync("onboard", "loja-cli", "--gateway", "kiwify", "--json");
        Texts(second, "changed").ShouldBe(["funnel"]);
        Texts(second, "missing").ShouldBe(["secret: gateways set loja-cli kiwify --secret -"]);
        // And later the rest, with a new token for the pixel.
        var third = await RunAsync(
            "onboard",
            "loja-cli",
            "--gateway",
            "kiwify",
            "--secret",
            "token-2",
            "--pixel",
            Pixel,
            "--pixel-token",
            "EAAG-2",
            "--json"
        );
        Texts(third, "changed").ShouldBe(["secret", "pixel"]);
        Texts(third, "missing").ShouldBeEmpty();
    }

    [Fact]
    public async Task One_request_brings_a_seller_in()
    {
        object wanted = new
        {
            tenant = "loja-http",
            gateway = "perfectpay",
            funnel = "violao",
            secret = "token-1",
            pixel = Pixel,
            pixel_token = "EAAG-http",
            origins = new[] { "https://*.loja.example" },
        };

        var first = await PostAsync(wanted);
        first.Code.ShouldBe(201, first.Text);
        first.Json.GetProperty("webhook_url").GetString().ShouldBe("https://track.example/api/v1/webhooks/perfectpay/loja-http");
        first.Json.GetProperty("snippet").GetString()!.ShouldContain("data-tenant=\"loja-http\"");
        first.Text.ShouldNotContain("token-1");
        var again = await PostAsync(wanted);
        again.Code.ShouldBe(200, again.Text);
        Texts(again.Json, "changed").ShouldBeEmpty();
        server.Host.Directory.FindConnection("loja-http", "perfectpay")!.Secrets.ShouldBe(["token-1"]);

        var other = await PostAsync(
            new
            {
                tenant = "loja-http",
                gateway = "kiwify",
                funnel = "violao",
            }
        );
        other.Code.ShouldBe(409, other.Text);
        other.Json.GetProperty("field").GetString().ShouldBe("funnel");
    }

    [Theory]
    [InlineData("""{"tenant":"loja","gateway":"boleto-facil"}""", "gateway")]
    [InlineData("""{"tenant":"Loja!","gateway":"hotmart"}""", "slug")]
    [InlineData("""{"tenant":"loja","gateway":"hotmart","pixel_token":"x"}""", "pixel")]
    [InlineData("""{"tenant":"loja","gateway":"hotmart","pixel_tokn":"x"}""", "pixel_tokn")]
    [InlineData("""{"tenant":"loja","gateway":"hotmart","secret":1}""", "secret")]
    [InlineData("""{"gateway":"hotmart"}""", "body")]
    [InlineData("[]", "body")]
    [InlineData("", "body")]
    public async Task What_is_wrong_is_named(string body, string field)
    {
        var answer = await SendAsync(Body(body), AdministeredServer.AdminKey);

        answer.Code.ShouldBe(400, answer.Text);
        answer.Json.GetProperty("field").GetString().ShouldBe(field);
        answer.Json.GetProperty("detail").GetString()!.ShouldStartWith($"{field}: ");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("the admin key of the test")]
    public async Task Nobody_else_is_let_in(string? key) => (await SendAsync(Body("{}"), key)).Code.ShouldBe(401);

    [Fact]
    public async Task Without_an_admin_key_there_is_no_administration_over_HTTP()
    {
        await using var host = await server.StartAnotherAsync(("Admin:ApiKey", ""));

        (await SendAsync(Body("{}"), "", host.Http)).Code.ShouldBe(403);
    }

    [Theory]
    [InlineData("hotmart")]
    [InlineData("kiwify")]
    [InlineData("perfectpay")]
    [InlineData("stripe")]
    public async Task A_probe_goes_the_whole_way_and_ends_before_Meta(string gateway)
    {
        var tenant = $"probe-{gateway}";
        server.MakeTokenValid("EAAG-probe");
        (
            await PostAsync(
                new
                {
                    tenant,
                    gateway,
                    product = gateway == "stripe" ? null : "curso-1",
                    secret = "segredo",
                    pixel = Pixel,
                    pixel_token = "EAAG-probe",
                    origins = new[] { "https://*.loja.example" },
                }
            )
        ).Code.ShouldBe(201);
        var sent = server.Meta.Received.Count;

        var (code, output) = await ProbeAsync(gateway, "--tenant", tenant);

        code.ShouldBe(0, output);
        output.ShouldNotContain("LOST");
        output.ShouldContain(
            "the click kept what the page knew: fbclid fbc fbp utm_source client_ip_address client_user_agent event_source_url"
        );
        output.ShouldContain("the sale kept what the gateway knew: click_id em ph");
        output.ShouldContain("the sale is joined to the click: by ClickToken");
        output.ShouldContain($"a real sale goes to pixel {Pixel}");
        output.ShouldContain("the sale ends before Meta: skipped: test");
        await server.Host.SettledAsync();
        server.Meta.Received.Count(received => received.Event.ToString().Contains("probe", StringComparison.Ordinal)).ShouldBe(0);
        server.Meta.Received.Count.ShouldBe(sent);
        (
            await server.Database.ScalarAsync<string>(
                "select kind || ' ' || amount::numeric(9,2) from conversion where tenant_id = $1",
                tenant
            )
        ).ShouldBe("test 0.00");
    }

    [Fact]
    public async Task A_probe_says_what_is_missing()
    {
        (
            await PostAsync(
                new
                {
                    tenant = "probe-bare",
                    gateway = "kiwify",
                    funnel = "sem-segredo",
                }
            )
        ).Code.ShouldBe(201);

        var (code, output) = await ProbeAsync("sem-segredo");
        code.ShouldBe(1);
        output.ShouldContain("LOST  the gateway is connected: no secret is set: gateways set probe-bare kiwify --secret -");

        await server.Host.Tenants.SetGatewaySecretAsync("probe-bare", "kiwify", "segredo");
        (code, output) = await ProbeAsync("sem-segredo", "--json");
        code.ShouldBe(1);
        var steps = JsonElement.Parse(output).EnumerateArray().ToArray();
        steps.Length.ShouldBe(11);
        var lost = steps.Where(step => !step.GetProperty("ok").GetBoolean()).ShouldHaveSingleItem();
        lost.GetProperty("found").GetString().ShouldBe("no pixel is set: pixels set probe-bare PIXEL --token -");
    }

    [Fact]
    public async Task A_probe_is_told_the_secret_segment_of_the_webhooks_URL()
    {
        (
            await PostAsync(
                new
                {
                    tenant = "probe-segment",
                    gateway = "hotmart",
                    funnel = "com-segmento",
                    secret = "hottok",
                }
            )
        ).Code.ShouldBe(201);
        var segment = await server.Host.Tenants.NewUrlSegmentAsync("probe-segment", "hotmart");

        (await ProbeAsync("com-segmento")).Output.ShouldContain(
            "LOST  the gateway is connected: its webhook URL ends with a secret segment: give --segment"
        );
        (await ProbeAsync("com-segmento", "--segment", segment)).Output.ShouldContain("ok    the gateway's webhook is taken in: 202");
    }

    private Task<(int ExitCode, string Output)> ProbeAsync(params string[] arguments) =>
        HostProcess.RunAsync(server.Settings, ["probe", .. arguments, "--url", server.Host.Url]);

    private async Task<JsonElement> RunAsync(params string[] arguments)
    {
        var (code, output) = await HostProcess.RunAsync(server.Settings, arguments);
        code.ShouldBe(0, output);
        return JsonElement.Parse(output);
    }

    private Task<Answer> PostAsync(object wanted) => SendAsync(JsonContent.Create(wanted), AdministeredServer.AdminKey);

    private async Task<Answer> SendAsync(HttpContent content, string? key, HttpClient? http = null)
    {
        await content.LoadIntoBufferAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/tenants") { Content = content };
        if (key is not null)
            request.Headers.TryAddWithoutValidation("x-admin-key", key);
        using var response = await (http ?? server.Host.Http).SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }

    private static StringContent Body(string json) => new(json, System.Text.Encoding.UTF8, "application/json");

    private static string?[] Texts(JsonElement of, string list) =>
        [.. of.GetProperty(list).EnumerateArray().Select(text => text.GetString())];
}
