using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Who did not agree to be reported to ad networks is not reported.</summary>
public sealed class ConsentTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_sale_without_consent_is_recorded_and_not_sent()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();

        (await seller.DeliverAsync(SaleOf(order, consent: false))).Code.ShouldBe(202);

        await ShouldBeSkippedAsync(seller, order);
    }

    [Fact]
    public async Task A_sale_of_a_click_without_consent_is_not_sent()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var click = await seller.ClickAsync(new { fbclid = "IwZXh0bgDECLINED", consent = false });

        (await seller.DeliverAsync(SaleOf(order, click))).Code.ShouldBe(202);

        await ShouldBeSkippedAsync(seller, order);
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, true)]
    [InlineData(false, null, false)]
    public async Task The_visitors_latest_word_counts(bool first, bool? later, bool isSent)
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var click = await seller.ClickAsync(new { fbclid = "IwZXh0bgLATER", consent = first });
        await seller.TrackAsync("pageview", new { click_id = click, consent = later });

        (await seller.DeliverAsync(SaleOf(order, click))).Code.ShouldBe(202);

        if (isSent)
            await server.ArrivedAsync(order);
        else
            await ShouldBeSkippedAsync(seller, order);
    }

    [Fact]
    public async Task A_no_is_remembered_by_whatever_the_person_is_known_by()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        // Another browser, no click: only the e-mail is the same.
        await seller.TrackAsync("initiate_checkout", new { email = $"{order}@exemplo.com.br", consent = false });

        (await seller.DeliverAsync(SaleOf(order))).Code.ShouldBe(202);

        await ShouldBeSkippedAsync(seller, order);
    }

    [Fact]
    public async Task Who_agrees_at_the_checkout_is_reported_as_a_buyer_and_not_as_the_visitor_who_had_declined()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        var click = await seller.ClickAsync(
            new
            {
                fbclid = "IwZXh0bgVISITOR",
                event_source_url = "https://loja.exemplo.com.br/",
                consent = false,
            }
        );

        (await seller.DeliverAsync(SaleOf(order, click, consent: true))).Code.ShouldBe(202);

        var user = (await server.ArrivedAsync(order)).Event.GetProperty("user_data");
        user.EnumerateObject().Select(field => field.Name).ShouldBe(["em", "ph"]);
    }

    [Fact]
    public async Task Who_withdraws_while_the_sale_waits_for_its_pixel_is_not_reported()
    {
        var seller = await server.NewSellerAsync(tokenIsValid: false);
        var (withdrawn, kept) = (seller.NewOrder(), seller.NewOrder());
        await seller.DeliverAsync(SaleOf(withdrawn));
        await seller.DeliverAsync(SaleOf(kept));
        await seller.PausedAsync();

        (await seller.DeliverAsync(SaleOf(withdrawn, consent: false))).IsDuplicate.ShouldBeFalse("it says something new");
        await seller.SetTokenAsync($"EAAlive-{seller.Tenant}");

        await server.ArrivedAsync(kept);
        await server.Host.SettledAsync();
        server.AtMeta(withdrawn).ShouldBeEmpty();
        (
            await server.Database.ScalarAsync<string>(
                "select reason from dispatch where tenant_id = $1 and conversion_id = $2",
                seller.Tenant,
                $"perfectpay-{withdrawn}"
            )
        ).ShouldBe("no_consent");
    }

    [Fact]
    public async Task Silence_is_no_refusal()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();

        (await seller.DeliverAsync(SaleOf(order, await seller.ClickAsync()))).Code.ShouldBe(202);

        (await server.ArrivedAsync(order)).Times.ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_that_is_neither_yes_nor_no_is_refused_by_name()
    {
        var seller = await server.NewSellerAsync();
        var sale = SaleOf(seller.NewOrder());
        sale["consent"] = "denied";

        foreach (var answer in new[] { await seller.TrackAsync("click", new { consent = "no" }), await seller.DeliverAsync(sale) })
        {
            answer.Code.ShouldBe(400, answer.Text);
            answer.Json.GetProperty("field").GetString().ShouldBe("consent");
        }
    }

    [Fact]
    public async Task Limited_data_use_of_a_tenant_is_told_with_each_event_until_it_is_taken_away()
    {
        var seller = await server.NewSellerAsync();
        await server.Host.Tenants.SetDataProcessingAsync(seller.Tenant, new DataProcessing(["LDU"], 1, 1000));
        var (limited, unlimited) = (seller.NewOrder(), seller.NewOrder());
        await seller.DeliverAsync(SaleOf(limited));

        var told = (await server.ArrivedAsync(limited)).Event;
        told.GetProperty("data_processing_options").GetRawText().ShouldBe("""["LDU"]""");
        told.GetProperty("data_processing_options_country").GetInt32().ShouldBe(1);
        told.GetProperty("data_processing_options_state").GetInt32().ShouldBe(1000);

        await server.Host.Tenants.SetDataProcessingAsync(seller.Tenant, null);
        await seller.DeliverAsync(SaleOf(unlimited));
        (await server.ArrivedAsync(unlimited)).Event.TryGetProperty("data_processing_options", out _).ShouldBeFalse();
    }

    private static JsonObject SaleOf(string order, string? click = null, bool? consent = null)
    {
        var sale = Seller.Sale(order, clickId: click);
        if (consent is { } stated)
            sale["consent"] = stated;
        return sale;
    }

    private async Task ShouldBeSkippedAsync(Seller seller, string order)
    {
        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldBeEmpty();
        (
            await server.Database.ScalarAsync<string>(
                "select dispatch_status || ' ' || dispatch_reason from conversion where tenant_id = $1 and order_id = $2",
                seller.Tenant,
                order
            )
        ).ShouldBe("skipped no_consent");
    }
}
