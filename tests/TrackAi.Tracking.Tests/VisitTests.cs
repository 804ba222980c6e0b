using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Tracking.Tests;

/// <summary>The track endpoints, as a seller's page meets them.</summary>
public sealed class VisitTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    private const string Minted = "tk1_8fQ2mZr7Lp0Vb3Xy";

    [Fact]
    public async Task A_click_is_answered_with_its_id_and_is_durable_by_then()
    {
        var seller = await server.NewSellerAsync();

        var answer = await seller.TrackAsync(
            "click",
            new
            {
                fbclid = "IwZXh0bgNhZW0BMEXEMPLO",
                utm_source = "FB",
                utm_campaign = "violao-quente|120210998877660012",
                src = "bio",
            }
        );

        answer.Code.ShouldBe(201, answer.Text);
        var id = answer.Json.GetProperty("id").GetString();
        ClickToken.IsValid(id).ShouldBeTrue();
        answer.Json.EnumerateObject().Count().ShouldBe(1);
        // No waiting: a 201 means that it is on disk.
        var stored = await StoredAsync(seller.Tenant, $"click-{id}");
        stored.GetProperty("clickId").GetString().ShouldBe(id);
        stored.GetProperty("campaign").GetProperty("utmCampaign").GetString().ShouldBe("violao-quente|120210998877660012");
        stored.GetProperty("has").GetProperty("fbclid").GetBoolean().ShouldBeTrue();
        // The cookie is built from the click's id, and never invented.
        stored.GetProperty("has").GetProperty("fbc").GetBoolean().ShouldBeTrue();
        stored.GetProperty("has").GetProperty("fbp").GetBoolean().ShouldBeFalse();
        await server.Host.ProjectedAsync();
        (await CountAsync("click", seller)).ShouldBe(1);
    }

    [Theory]
    [InlineData("User-Agent: Mozilla/5.0 (Linux; Galaxy de Jos\u00e9)", "201")]
    [InlineData("Referer: https://shop.example/promo\u00e7\u00e3o", "201")]
    [InlineData("x-other: a\u0000b", "400")]
    public async Task A_header_that_is_not_UTF_8_costs_no_visit(string header, string code)
    {
        var seller = await server.NewSellerAsync();
        var host = new Uri(server.Host.Url);
        using var socket = new TcpClient(host.Host, host.Port);

        await socket
            .GetStream()
            .WriteAsync(
                Encoding.Latin1.GetBytes(
                    $"POST /api/v1/track/click?t={seller.Tenant} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\nContent-Length: 2\r\n\r\n{{}}"
                )
            );
        using var answer = new StreamReader(socket.GetStream());

        (await answer.ReadLineAsync())!.ShouldStartWith($"HTTP/1.1 {code}");
    }

    [Fact]
    public async Task A_click_that_knows_nothing_is_a_click_too()
    {
        var seller = await server.NewSellerAsync();

        (await seller.TrackAsync("click", new { })).Code.ShouldBe(201);
        (await PostAsync($"/api/v1/track/click?t={seller.Tenant}", "")).Code.ShouldBe(201);
    }

    [Fact]
    public async Task A_click_id_that_the_browser_minted_is_one_click_however_often_it_is_sent()
    {
        var seller = await server.NewSellerAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => seller.TrackAsync("click", new { click_id = Minted })));

        answers.ShouldAllBe(answer => answer.Code == 201 && answer.Json.GetProperty("id").GetString() == Minted);
        await server.Host.ProjectedAsync();
        (await CountAsync("click", seller)).ShouldBe(1);
        (await CountAsync("mt_events", seller, "and type = 'click_captured'")).ShouldBe(1);
    }

    [Fact]
    public async Task A_pageview_whose_id_the_browser_minted_is_one_pageview_however_often_it_is_sent()
    {
        var seller = await server.NewSellerAsync();
        const string id = "01a1fdcf-9de4-7732-8451-9e69d38bf970";

        for (var time = 0; time < 3; time++)
        {
            var answer = await seller.TrackAsync("pageview", new { visit_id = id });
            answer.Code.ShouldBe(201, answer.Text);
            answer.Json.GetProperty("id").GetString().ShouldBe(id);
        }

        (await CountAsync("mt_events", seller, "and type = 'pageview_captured'")).ShouldBe(1);
    }

    [Theory]
    [InlineData(3_600_000, 1)]
    [InlineData(900_000_000, 7 * 24)]
    public async Task A_visit_that_waited_for_the_network_happened_when_it_happened(int age, int hours)
    {
        var seller = await server.NewSellerAsync();
        var now = TimeProvider.System.GetUtcNow();

        var answer = await seller.TrackAsync(
            "click",
            new
            {
                click_id = Minted,
                fbclid = "IwZXh0bg",
                age_ms = age,
            }
        );

        answer.Code.ShouldBe(201, answer.Text);
        var occurred = (await StoredAsync(seller.Tenant, $"click-{Minted}")).GetProperty("occurredAt").GetDateTimeOffset();
        occurred.ShouldBeInRange(
            now - TimeSpan.FromHours(hours) - TimeSpan.FromSeconds(5),
            TimeProvider.System.GetUtcNow() - TimeSpan.FromHours(hours)
        );
    }

    [Fact]
    public async Task The_same_click_id_at_two_tenants_is_two_clicks()
    {
        var (one, other) = (await server.NewSellerAsync(), await server.NewSellerAsync());

        (await one.TrackAsync("click", new { click_id = Minted })).Code.ShouldBe(201);
        (await other.TrackAsync("click", new { click_id = Minted })).Code.ShouldBe(201);

        await server.Host.ProjectedAsync();
        (await CountAsync("click", one)).ShouldBe(1);
        (await CountAsync("click", other)).ShouldBe(1);
    }

    [Fact]
    public async Task The_tenant_comes_in_the_header_or_the_body_or_the_query()
    {
        var seller = await server.NewSellerAsync();

        (await PostAsync("/api/v1/track/click", "{}", ("x-tenant-id", seller.Tenant))).Code.ShouldBe(201);
        (await PostAsync("/api/v1/track/click", $$"""{"tenant_id":"{{seller.Tenant}}"}""")).Code.ShouldBe(201);
        (await PostAsync($"/api/v1/track/click?t={seller.Tenant}", "{}")).Code.ShouldBe(201);
        // sendBeacon sends text.
        (await PostAsync($"/api/v1/track/click?t={seller.Tenant}", "{}", type: "text/plain;charset=UTF-8")).Code.ShouldBe(201);
        (await CountAsync("mt_events", seller, "and type = 'click_captured'")).ShouldBe(4);
    }

    [Theory]
    [InlineData("pageview", "pageview_captured", "pageview")]
    [InlineData("initiate_checkout", "checkout_initiated", "checkout")]
    public async Task A_pageview_and_a_checkout_are_stored_with_what_they_know(string what, string type, string table)
    {
        var seller = await server.NewSellerAsync();

        var answer = await seller.TrackAsync(
            what,
            new
            {
                click_id = Minted,
                email = "Idalina.Prates@Exemplo.com.br",
                phone = "(85) 98700-1122",
                product_id = "PPPB0AQX",
                value = "297.50000049",
                currency = "brl",
                event_source_url = "https://exemplo.com.br/oferta?email=idalina.prates@exemplo.com.br",
            }
        );

        answer.Code.ShouldBe(201, answer.Text);
        var stored = await StoredAsync(seller.Tenant, $"{table}-{answer.Json.GetProperty("id").GetGuid()}");
        stored.GetProperty("value").GetProperty("amount").GetDecimal().ShouldBe(297.50m);
        stored.GetProperty("value").GetProperty("currency").GetString().ShouldBe("BRL");
        stored.GetProperty("clickId").GetString().ShouldBe(Minted);
        stored.GetProperty("has").GetProperty("email").GetBoolean().ShouldBeTrue();
        (await CountAsync("mt_events", seller, $"and type = '{type}'")).ShouldBe(1);
        await server.Host.ProjectedAsync();
        (await CountAsync(table, seller, "and amount = 297.50 and currency = 'BRL' and product_id = 'PPPB0AQX'")).ShouldBe(1);
    }

    [Fact]
    public async Task What_names_a_visitor_is_not_stored_readably()
    {
        var seller = await server.NewSellerAsync();

        var answer = await seller.TrackAsync(
            "initiate_checkout",
            new
            {
                email = "idalina.prates@exemplo.com.br",
                phone = "85987001122",
                utm_source = "FB",
                utm_content = "idalina.prates@exemplo.com.br",
                utm_term = "idalina.prates%40exemplo.com.br",
                src = "(85) 98700-1122",
                xcod = "5585987001122",
            }
        );

        answer.Code.ShouldBe(201, answer.Text);
        await server.Host.ProjectedAsync();
        var row = await server.Database.ScalarAsync<string>(
            "select (select string_agg(data::text, '') from mt_events where tenant_id = $1) || (select string_agg(c::text, '') from checkout c where tenant_id = $1)",
            seller.Tenant
        );
        row.ShouldContain("FB");
        row.ShouldNotContain("idalina", Case.Insensitive);
        row.ShouldNotContain("987001122");
        row.ShouldNotContain("98700-1122");
    }

    [Theory]
    [InlineData("click", """{"utm_source":1}""", "utm_source")]
    [InlineData("click", """{"click_id":"mine"}""", "click_id")]
    [InlineData("click", """{"fbclid":{"a":1}}""", "fbclid")]
    [InlineData("click", """{"utm_source":"\ud800"}""", "utm_source")]
    [InlineData("click", "[]", "body")]
    [InlineData("click", "{", "body")]
    [InlineData("click", "\"text\"", "body")]
    [InlineData("pageview", """{"visit_id":"mine"}""", "visit_id")]
    [InlineData("click", """{"age_ms":"yesterday"}""", "age_ms")]
    [InlineData("pageview", """{"value":"a lot","currency":"BRL"}""", "value")]
    [InlineData("pageview", """{"value":-1,"currency":"BRL"}""", "value")]
    [InlineData("pageview", """{"value":7e27,"currency":"BRL"}""", "value")]
    [InlineData("pageview", """{"value":1e400,"currency":"BRL"}""", "value")]
    [InlineData("initiate_checkout", """{"value":1}""", "currency")]
    [InlineData("initiate_checkout", """{"value":1,"currency":"REAL"}""", "currency")]
    [InlineData("initiate_checkout", """{"email":["a@b.c"]}""", "email")]
    public async Task A_field_that_is_wrong_is_refused_by_name(string what, string body, string field)
    {
        var seller = await server.NewSellerAsync();

        var answer = await PostAsync($"/api/v1/track/{what}", body, ("x-tenant-id", seller.Tenant));

        answer.Code.ShouldBe(400, answer.Text);
        answer.Json.GetProperty("field").GetString().ShouldBe(field);
        answer.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldStartWith($"{field}: ");
        (await CountAsync("mt_events", seller, "and stream_id not like 'tenant-%'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_text_that_is_too_long_is_refused_by_name()
    {
        var seller = await server.NewSellerAsync();

        var answer = await seller.TrackAsync("click", new { utm_term = new string('x', 2000) });

        answer.Code.ShouldBe(400, answer.Text);
        answer.Json.GetProperty("field").GetString().ShouldBe("utm_term");
    }

    [Theory]
    [InlineData("NUL", "a\\u0000b")]
    [InlineData("controls", "\\u0001\\u001f\\u202e")]
    [InlineData("SQL", "'; drop table click; --")]
    public async Task Whatever_a_text_holds_it_is_taken_or_refused(string what, string text)
    {
        var seller = await server.NewSellerAsync();
        foreach (
            var field in (string[])
                ["fbclid", "fbc", "fbp", "utm_source", "src", "external_id", "event_source_url", "email", "phone", "product_id"]
        )
            (
                await PostAsync("/api/v1/track/initiate_checkout", $$"""{"{{field}}":"{{text}}"}""", ("x-tenant-id", seller.Tenant))
            ).Code.ShouldBeOneOf([201, 400], $"{what} in {field}");

        await server.Host.ProjectedAsync();
    }

    [Fact]
    public async Task Bytes_that_are_no_UTF8_are_refused()
    {
        var seller = await server.NewSellerAsync();
        using var content = new ByteArrayContent([.. "{\"utm_source\":\""u8, 0xff, 0xfe, .. "\"}"u8]);

        (await SendAsync("/api/v1/track/click", content, ("x-tenant-id", seller.Tenant))).Code.ShouldBe(400);
    }

    [Fact]
    public async Task Without_a_tenant_it_is_refused()
    {
        var answer = await PostAsync("/api/v1/track/click", "{}");

        answer.Code.ShouldBe(400, answer.Text);
        answer.Json.GetProperty("field").GetString().ShouldBe("x-tenant-id");
    }

    [Fact]
    public async Task For_an_unknown_tenant_it_is_refused() =>
        (await PostAsync("/api/v1/track/click", "{}", ("x-tenant-id", "nobody"))).Code.ShouldBe(404);

    [Fact]
    public async Task For_a_suspended_tenant_it_is_refused_until_the_tenant_is_active_again()
    {
        var seller = await server.NewSellerAsync();

        await server.Host.Tenants.SuspendAsync(seller.Tenant);
        await Eventually.TrueAsync(async () => (await seller.TrackAsync("click", new { })).Code == 403, "the suspension is known");
        await server.Host.Tenants.ActivateAsync(seller.Tenant);
        await Eventually.TrueAsync(async () => (await seller.TrackAsync("click", new { })).Code == 201, "the activation is known");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_the_limit_is_refused_however_its_length_is_told(bool chunked)
    {
        var seller = await server.NewSellerAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/track/click")
        {
            Content = new StringContent($$"""{"ignored":"{{new string('x', 16 * 1024)}}"}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("x-tenant-id", seller.Tenant);
        request.Headers.TransferEncodingChunked = chunked ? true : null;

        (await seller.SendAsync(request)).Code.ShouldBe(413);
    }

    [Fact]
    public async Task Another_method_is_refused()
    {
        using var answer = await server.Host.Http.GetAsync("/api/v1/track/click");

        ((int)answer.StatusCode).ShouldBe(405);
    }

    private Task<long> CountAsync(string table, Seller seller, string condition = "") =>
        server.Database.ScalarAsync<long>($"select count(*) from {table} where tenant_id = $1 {condition}", seller.Tenant);

    private async Task<JsonElement> StoredAsync(string tenant, string stream)
    {
        var data = await server.Database.ScalarAsync<string>(
            "select data::text from mt_events where tenant_id = $1 and stream_id = $2",
            tenant,
            stream
        );
        return JsonElement.Parse(data.ShouldNotBeNull($"{stream} is not in the log."));
    }

    private async Task<Answer> PostAsync(
        string path,
        string body,
        (string Name, string Value)? header = null,
        string type = "application/json"
    )
    {
        using var content = new StringContent(body, Encoding.UTF8);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return await SendAsync(path, content, header);
    }

    private async Task<Answer> SendAsync(string path, HttpContent content, (string Name, string Value)? header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        if (header is { } given)
            request.Headers.Add(given.Name, given.Value);
        using var response = await server.Host.Http.SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }
}
