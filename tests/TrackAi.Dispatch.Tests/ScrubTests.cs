namespace TrackAi.Dispatch.Tests;

public sealed class ScrubTests
{
    [Theory]
    [InlineData("Malformed access token EAABsbCS1iHgBAKZCxyz0123", "Malformed access token [token]")]
    [InlineData("token my-odd-token is dead", "token [token] is dead")]
    [InlineData("app 123456789|abcDEF_123-x", "app [token]")]
    [InlineData("em ana.souza+x@example.com.br is wrong", "em [email] is wrong")]
    [InlineData("ph +55 (11) 98765-4321 is wrong", "ph [number] is wrong")]
    [InlineData("cpf 123.456.789-09", "cpf [number]")]
    [InlineData("ip 203.0.113.7 and 2001:db8::1", "ip [address] and [address]")]
    [InlineData("fbc fb.1.1795000000000.IwAR2abc", "fbc [cookie]")]
    [InlineData("em 029c7290f14c4516673508635f0519db95f7daf42057fd0e4ad1de84c5408a66", "em [hash]")]
    [InlineData("Object with ID '1234567890123456' does not exist", "Object with ID '1234567890123456' does not exist")]
    [InlineData(
        "(#100) $['data'][12]['event_time'] is more than 7 days in the past.",
        "(#100) $['data'][12]['event_time'] is more than 7 days in the past."
    )]
    [InlineData("two\r\nlines\u0000", "two lines")]
    public void What_Meta_quotes_is_taken_out_and_what_it_says_is_kept(string said, string kept) =>
        Scrub.Clean(said, secret: "my-odd-token", keep: "1234567890123456").ShouldBe(kept);

    [Fact]
    public void A_long_message_is_cut_and_no_half_of_an_identifier_is_left()
    {
        var said = string.Join(' ', Enumerable.Repeat("ana.maria.de.souza@example.com", 10_000));

        var kept = Scrub.Clean(said, "secret", "1");

        kept.Length.ShouldBeLessThanOrEqualTo(301);
        kept.ShouldNotContain("ana");
    }
}
