using System.Text.RegularExpressions;

namespace TrackAi.Gateways.Tests;

public sealed class BodyShapeTests
{
    [Fact]
    public void A_shape_names_fields_and_kinds() =>
        BodyShape
            .Of(Deliveries.Json("""{"a":1,"b":{"c":"x","d":null},"e":[{"f":true}],"g":[]}"""))
            .ShouldBe("{a:number,b:{c:string,d:null},e:[{f:true}],g:[]}");

    [Fact]
    public void No_value_of_a_recorded_delivery_is_in_its_shape()
    {
        foreach (
            var file in Directory
                .GetFiles(AppContext.BaseDirectory, "*.json", SearchOption.AllDirectories)
                .Where(file => file.Contains("Payloads", StringComparison.Ordinal))
        )
        {
            var body = File.ReadAllText(file);
            var shape = BodyShape.Of(Deliveries.Json(body));
            foreach (Match value in Regex.Matches(body, "(?<=: )\"(?<value>[^\"]{5,})\"", RegexOptions.None, TimeSpan.FromMinutes(1)))
                shape.ShouldNotContain($":{value.Groups["value"].Value}", Case.Sensitive, file);
            foreach (var secret in new[] { "0123456789abcdef", "exemplo", "11144477735", "987001122", "Idalina" })
                shape.ShouldNotContain(secret, Case.Sensitive, file);
        }
    }

    [Theory]
    [InlineData("""{"ana@example.com":1}""", "{?:number}")]
    [InlineData("""{"11987654321":1}""", "{?:number}")]
    [InlineData("""{"\ud800":1}""", "{?:number}")]
    [InlineData("""["ana@example.com"]""", "[string]")]
    [InlineData("\"ana@example.com\"", "string")]
    public void A_name_that_may_be_somebodys_data_is_not_shown(string body, string shape) =>
        BodyShape.Of(Deliveries.Json(body)).ShouldBe(shape);

    [Fact]
    public void A_huge_body_has_a_short_shape()
    {
        var body = $"{{{string.Join(',', Enumerable.Range(0, 50_000).Select(index => $"\"field\":{index}"))}}}";

        BodyShape.Of(Deliveries.Json(body)).Length.ShouldBeLessThanOrEqualTo(4001);
    }

    [Fact]
    public void What_is_not_JSON_is_said_to_be_not_JSON() => BodyShape.Of(Deliveries.Of("no json").Json).ShouldBe("not JSON");
}
