using System.Net;
using System.Text;
using TrackAi.Testing;

namespace TrackAi.Tracking.Tests;

/// <summary>GET /track.js as a browser fetches it; what it does on a page is tested in a browser.</summary>
public sealed class PixelTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task The_pixel_is_under_four_kibibytes_and_needs_nothing_else()
    {
        var script = await server.Host.Http.GetByteArrayAsync("/track.js");

        script.Length.ShouldBeInRange(2000, 4095);
        var text = Encoding.UTF8.GetString(script);
        text.ShouldNotContain("import");
        text.ShouldNotContain("//", Case.Sensitive, "comments are for us");
        text.ShouldNotContain("\n");
    }

    [Fact]
    public async Task A_browser_that_has_it_is_told_so()
    {
        using var first = await server.Host.Http.GetAsync("/track.js");
        first.Content.Headers.ContentType!.MediaType.ShouldBe("text/javascript");
        first.Headers.CacheControl!.MaxAge.ShouldBe(TimeSpan.FromHours(1));
        first.Headers.GetValues("Access-Control-Allow-Origin").ShouldBe(["*"]);

        using var again = new HttpRequestMessage(HttpMethod.Get, "/track.js");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag.ShouldNotBeNull());
        using var second = await server.Host.Http.SendAsync(again);

        second.StatusCode.ShouldBe(HttpStatusCode.NotModified);
        (await second.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("const $name = 1; // why\nconst $other = $name + 'a // b';", "let a=1,b=a+'a // b';")]
    [InlineData("const $f = ($x) => { return $x; }; $f( () => true );", "let a=b=>{return b};a(_=>!0);")]
    [InlineData("if ($a) { let $b = 1; } let $c = [1, 2,];", "if(a){let b=1}let c=[1,2];")]
    [InlineData("for (let $i = 0; $i < 3; $i++) { let $b = $i / 2 / 1; }", "for(let a=0;a<3;a++){let b=a/2/1}")]
    [InlineData("const $r = /[/'\"]+ $x/.test(b); const $s = { true: false };", "let a=/[/'\"]+ $x/.test(b),c={true:!1};")]
    [InlineData("f(($x) => /^(a|b)$/.test($x));", "f(a=>/^(a|b)$/.test(a));")]
    [InlineData("/* head */ typeof $x in $x;", "typeof a in a;")]
    public void What_is_made_small_means_the_same(string script, string small) => Compactor.Compact(script).ShouldBe(small);

    [Fact]
    public void What_cannot_be_made_small_is_refused() =>
        Should.Throw<InvalidOperationException>(() => Compactor.Compact("let $a = `b`;")).Message.ShouldContain("template literal");
}
