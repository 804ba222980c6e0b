namespace TrackAi.Gateways.Tests;

public sealed class JsonFieldsTests
{
    [Theory]
    [InlineData("""{"a":" x "}""", "x")]
    [InlineData("""{"a":12}""", "12")]
    [InlineData("""{"a":1.50}""", "1.50")]
    [InlineData("""{"a":""}""", null)]
    [InlineData("""{"a":"   "}""", null)]
    [InlineData("""{"a":null}""", null)]
    [InlineData("""{"a":true}""", null)]
    [InlineData("""{"a":{}}""", null)]
    [InlineData("""{"a":[]}""", null)]
    [InlineData("""{"a":"\ud800"}""", null)]
    [InlineData("""{"a":"first","a":"last"}""", "last")]
    [InlineData("""{"\ud800":1,"a":"x"}""", "x")]
    [InlineData("""{"a":"x","\ud800":1}""", "x")]
    [InlineData("""{"a\ud800":1,"a":"x"}""", "x")]
    [InlineData("""{"\u0061":"x"}""", "x")]
    [InlineData("""{}""", null)]
    [InlineData("""[]""", null)]
    [InlineData(""" "a" """, null)]
    public void Text_is_read_trimmed_or_is_missing(string body, string? text) => Deliveries.Json(body).Text("a").ShouldBe(text);

    [Theory]
    [InlineData("""{"a":297.5}""", "297.5")]
    [InlineData("""{"a":"297.50"}""", "297.50")]
    [InlineData("""{"a":"1e2"}""", "100")]
    [InlineData("""{"a":"1.234,56"}""", null)]
    [InlineData("""{"a":"NaN"}""", null)]
    [InlineData("""{"a":1e400}""", null)]
    [InlineData("""{"a":"R$ 10"}""", null)]
    public void A_number_is_read_with_a_decimal_point_or_is_missing(string body, string? number) =>
        Deliveries
            .Json(body)
            .Number("a")
            .ShouldBe(number is null ? null : decimal.Parse(number, System.Globalization.CultureInfo.InvariantCulture));

    [Theory]
    [InlineData("""{"a":2}""", 2L)]
    [InlineData("""{"a":"2"}""", 2L)]
    [InlineData("""{"a":2.0}""", 2L)]
    [InlineData("""{"a":2.5}""", null)]
    [InlineData("""{"a":9223372036854775807}""", long.MaxValue)]
    [InlineData("""{"a":9223372036854775808}""", null)]
    [InlineData("""{"a":79228162514264337593543950335}""", null)]
    public void A_whole_number_fits_or_is_missing(string body, long? number) => Deliveries.Json(body).WholeNumber("a").ShouldBe(number);

    [Fact]
    public void A_path_through_something_else_is_missing() => Deliveries.Json("""{"a":"x"}""").Text("a", "b", "c").ShouldBeNull();

    [Fact]
    public void A_body_nested_too_deeply_is_no_JSON() => Deliveries.Of(new string('[', 100_000)).Json.ShouldBeNull();

    [Fact]
    public void A_byte_order_mark_is_ignored() => Deliveries.Of("\uFEFF{\"a\":1}").Json.ShouldNotBeNull().WholeNumber("a").ShouldBe(1);
}
