namespace TrackAi.Tenancy.Tests;

public sealed class FunnelRoutesTests
{
    private static readonly string[] TenantPixels = ["1", "2"];

    [Theory]
    [InlineData("hotmart", "100", "hotmart-100")]
    [InlineData("kiwify", "100", "any-100")]
    [InlineData("hotmart", "999", "hotmart")]
    [InlineData("hotmart", null, "hotmart")]
    [InlineData("stripe", "999", "main")]
    [InlineData("stripe", null, "main")]
    [InlineData("stripe", "777", "main")]
    public void A_sale_belongs_to_the_most_particular_funnel(string gateway, string? product, string funnel)
    {
        var routes = new FunnelRoutes(
            [
                new Funnel("first", null, null, null, IsDefault: false),
                new Funnel("hotmart", "hotmart", null, null, IsDefault: false),
                new Funnel("any-100", null, "100", null, IsDefault: false),
                new Funnel("hotmart-100", "hotmart", "100", null, IsDefault: false),
                new Funnel("main", "kiwify", "777", null, IsDefault: true),
            ],
            TenantPixels
        );

        routes.Find(gateway, product).FunnelId.ShouldBe(funnel);
    }

    [Fact]
    public void A_funnel_that_names_neither_gateway_nor_product_takes_what_is_left_where_there_is_no_default()
    {
        var routes = new FunnelRoutes(
            [
                new Funnel("hotmart", "hotmart", null, null, false),
                new Funnel("rest", null, null, "9", false),
                new Funnel("later", null, null, null, false),
            ],
            TenantPixels
        );

        routes.Find("kiwify", "1").ShouldBe(new Route("rest", routes.Find("kiwify", null).Pixels));
        routes.Find("hotmart", "1").FunnelId.ShouldBe("hotmart");
    }

    [Fact]
    public void A_sale_goes_to_the_pixel_of_its_funnel_else_to_all_of_the_tenant()
    {
        var routes = new FunnelRoutes(
            [new Funnel("course", "hotmart", "100", "77", false), new Funnel("book", "hotmart", "200", null, false)],
            TenantPixels
        );

        routes.Find("hotmart", "100").Pixels.ShouldBe(["77"]);
        routes.Find("hotmart", "200").Pixels.ShouldBe(TenantPixels);
        routes.Find("stripe", "1").FunnelId.ShouldBeNull();
        routes.Find("stripe", "1").Pixels.ShouldBe(TenantPixels);
    }
}
