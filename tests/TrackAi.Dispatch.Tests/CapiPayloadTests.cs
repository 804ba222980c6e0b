using System.Text;
using System.Text.Json;
using TrackAi.Contracts;
using static TrackAi.Dispatch.Tests.Sales;

namespace TrackAi.Dispatch.Tests;

public sealed class CapiPayloadTests
{
    [Fact]
    public void A_matched_sale_is_told_exactly_so()
    {
        var json = Encoding.UTF8.GetString(CapiPayload.ToJson(CapiPayload.Build(Sale, [Ana], Click, Noon)));

        json.ShouldBe(
            """
            {"event_name":"Purchase","event_time":1795175700,"event_id":"EVENT_ID","action_source":"website",
            "event_source_url":"https://curso.example.com.br/oferta",
            "user_data":{"em":["EM"],"ph":["029c7290f14c4516673508635f0519db95f7daf42057fd0e4ad1de84c5408a66"],
            "client_ip_address":"203.0.113.7","client_user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)",
            "fbc":"fb.1.1795000000000.IwAR2abcDEF","fbp":"fb.1.1795000000000.123456789"},
            "custom_data":{"value":197,"currency":"BRL","order_id":"HP1","content_ids":["P-7"],"content_type":"product",
            "contents":[{"id":"P-7","quantity":1,"item_price":197}],"num_items":1}}
            """.ReplaceLineEndings("").Replace("EVENT_ID", Sale.EventId.ToString(), StringComparison.Ordinal).Replace(
                "EM\"",
                Hash("ana@example.com") + "\"",
                StringComparison.Ordinal
            )
        );
    }

    [Fact]
    public void The_same_facts_give_the_same_bytes_however_the_amount_is_written() =>
        CapiPayload
            .ToJson(CapiPayload.Build(Sale with { Value = new Money(197m, "BRL") }, [Ana], Click, Noon))
            .ShouldBe(CapiPayload.ToJson(CapiPayload.Build(Sale with { Value = new Money(197.000m, "BRL") }, [Ana], Click, Noon)));

    [Theory]
    [InlineData("0.1", "0.1")]
    [InlineData("49.90", "49.9")]
    [InlineData("1234567890.12", "1234567890.12")]
    [InlineData("0", "0")]
    public void The_value_is_a_number_without_rounding(string amount, string written) =>
        Told(Sale with { Value = new Money(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), "BRL") }, [Ana], null)
            .GetProperty("custom_data")
            .GetProperty("value")
            .GetRawText()
            .ShouldBe(written);

    [Fact]
    public void An_unmatched_sale_is_the_systems_and_no_websites()
    {
        var told = Told(Sale, [Ana], click: null);

        told.GetProperty("action_source").GetString().ShouldBe("system_generated");
        told.TryGetProperty("event_source_url", out _).ShouldBeFalse();
        Keys(told.GetProperty("user_data")).ShouldBe(["em", "ph"]);
    }

    [Fact]
    public void A_browser_without_a_page_is_no_website_and_its_browser_still_helps_the_match()
    {
        var told = Told(Sale, [Ana with { UserAgent = Browser, IpAddress = "198.51.100.4" }], click: null);

        told.GetProperty("action_source").GetString().ShouldBe("system_generated");
        Keys(told.GetProperty("user_data")).ShouldBe(["em", "ph", "client_ip_address", "client_user_agent"]);
    }

    [Fact]
    public void The_address_is_that_of_the_browser_named()
    {
        var buyer = Ana with { IpAddress = "198.51.100.4" };

        User(CapiPayload.Build(Sale, [buyer], Click, Noon)).ShouldBe(("203.0.113.7", Browser));
        User(CapiPayload.Build(Sale, [buyer with { UserAgent = "Checkout" }], Click, Noon)).ShouldBe(("198.51.100.4", "Checkout"));
        User(CapiPayload.Build(Sale, [buyer], Click with { Visitor = Click.Visitor with { IpAddress = null } }, Noon))
            .ShouldBe(("198.51.100.4", Browser));

        static (string?, string?) User(CapiEvent told) => (told.UserData.ClientIpAddress, told.UserData.ClientUserAgent);
    }

    [Fact]
    public void The_cookies_of_the_sale_win_over_those_of_the_click()
    {
        var buyer = Ana with { Fbc = "fb.1.1795100000000.Later", Fbp = "fb.1.1795100000000.42" };

        var user = CapiPayload.Build(Sale, [buyer], Click, Noon).UserData;

        (user.Fbc, user.Fbp).ShouldBe(("fb.1.1795100000000.Later", "fb.1.1795100000000.42"));
    }

    [Fact]
    public void A_malformed_cookie_gives_way_to_the_next_one_and_is_noted()
    {
        var built = CapiPayload.Build(Sale, [Ana with { Fbc = "IwAR2abc", Fbp = "fb.1.x.y" }], Click, Noon);

        (built.UserData.Fbc, built.UserData.Fbp).ShouldBe((Click.Visitor.Fbc, Click.Visitor.Fbp));
        built.Dropped.ShouldBe(["fbc", "fbp"]);
    }

    [Fact]
    public void An_fbc_is_made_of_the_clicks_fbclid_and_its_time_in_its_own_case()
    {
        var click = Click with { Visitor = Click.Visitor with { Fbc = null, Fbclid = "IwAR0_aB-c" } };

        CapiPayload.Build(Sale, [Ana], click, Noon).UserData.Fbc.ShouldBe($"fb.1.{Noon.AddHours(-2).ToUnixTimeMilliseconds()}.IwAR0_aB-c");
    }

    [Fact]
    public void No_fbc_is_invented()
    {
        CapiPayload.Build(Sale, [Ana], Click with { Visitor = Click.Visitor with { Fbc = null } }, Noon).UserData.Fbc.ShouldBeNull();
        CapiPayload.Build(Sale, [Ana], null, Noon).UserData.Fbc.ShouldBeNull();
    }

    [Fact]
    public void Variants_of_buyer_and_click_are_joined_each_once()
    {
        var visitor = Click.Visitor with { Em = [Hash("ana@example.com"), Hash("ana.work@example.com")] };

        CapiPayload
            .Build(Sale, [Ana], Click with { Visitor = visitor }, Noon)
            .UserData.Em.ShouldBe([Hash("ana@example.com"), Hash("ana.work@example.com")]);
    }

    [Fact]
    public void What_is_no_hash_and_the_hash_of_nothing_are_never_sent()
    {
        var built = CapiPayload.Build(Sale, [Ana with { Em = ["ana@example.com"], Fn = [Hash("")], Ln = [Hash("souza")] }], null, Noon);

        (built.UserData.Em.Count, built.UserData.Fn.Count, built.UserData.Ln.Count).ShouldBe((0, 0, 1));
        built.Dropped.ShouldBe(["em", "fn"]);
    }

    [Theory]
    [InlineData("https://a.example/p?email=ana@example.com#x", "https://a.example/p")]
    [InlineData("https://ana:secret@a.example:8443/p", "https://a.example:8443/p")]
    [InlineData("https://a.example/ana@example.com/p", "https://a.example/")]
    [InlineData("a.example/p", null)]
    [InlineData("javascript:alert(1)", null)]
    public void A_page_is_told_without_what_may_name_the_person(string url, string? told) =>
        CapiPayload.Build(Sale, [Ana with { EventSourceUrl = url }], null, Noon).EventSourceUrl.ShouldBe(told);

    [Theory]
    [InlineData(-5, -5)]
    [InlineData(+5, 0)]
    [InlineData(-10_080 + 1, -10_080 + 10)]
    [InlineData(-20_000, -10_080 + 10)]
    public void The_time_of_the_event_is_kept_inside_what_Meta_takes(int minutes, int told) =>
        CapiPayload
            .Build(Sale with { OccurredAt = Noon.AddMinutes(minutes) }, [Ana], null, Noon)
            .EventTime.ShouldBe(Noon.AddMinutes(told).ToUnixTimeSeconds());

    [Fact]
    public void A_sale_without_a_product_names_no_content() =>
        Keys(Told(Sale with { ProductId = null }, [Ana], null).GetProperty("custom_data")).ShouldBe(["value", "currency", "order_id"]);

    [Fact]
    public void An_erased_buyer_leaves_the_clicks_identifiers() =>
        Keys(Told(Sale, [], Click).GetProperty("user_data")).ShouldBe(["client_ip_address", "client_user_agent", "fbc", "fbp"]);

    [Fact]
    public void A_sale_paid_later_is_of_the_time_and_the_amount_it_was_paid()
    {
        var request = new DispatchRequested("hotmart-HP1", "hotmart", "d", Sale.EventId, "Purchase", "1", null, Noon);
        var received = new ConversionReceived(
            "hotmart-HP1",
            "hotmart",
            "HP1",
            Sale.EventId,
            ConversionKind.Sale,
            PaymentState.Pending,
            new Money(200m, "BRL"),
            "P-7",
            null,
            Campaign.None,
            new Identifiers(false, false, false, true, true, false),
            Noon.AddDays(-2),
            Noon.AddDays(-2),
            "BILLET_PRINTED",
            "1",
            [],
            ""
        );
        var paid = new ConversionStateChanged(
            "hotmart-HP1",
            "hotmart",
            PaymentState.Pending,
            PaymentState.Approved,
            new Money(197m, "BRL"),
            Noon.AddMinutes(-5),
            Noon,
            "APPROVED",
            "2",
            null
        );

        CapiSale.Of(request, received, paid).ShouldBe(Sale);
        CapiSale.Of(request, received, null).ShouldBe(Sale with { Value = received.Value, OccurredAt = received.OccurredAt });
    }

    [Fact]
    public void An_event_prints_as_its_name_and_id_only() =>
        CapiPayload.Build(Sale, [Ana], Click, Noon).ToString().ShouldBe($"Purchase {Sale.EventId}");

    private static JsonElement Told(CapiSale sale, IReadOnlyList<ProtectedPerson> buyer, CapiClick? click) =>
        JsonElement.Parse(CapiPayload.ToJson(CapiPayload.Build(sale, buyer, click, Noon)));

    private static IEnumerable<string> Keys(JsonElement element) => element.EnumerateObject().Select(property => property.Name);
}
