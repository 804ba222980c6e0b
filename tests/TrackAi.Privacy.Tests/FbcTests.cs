using TrackAi.Contracts;

namespace TrackAi.Privacy.Tests;

public sealed class FbcTests
{
    private static readonly DateTimeOffset Seen = DateTimeOffset.FromUnixTimeMilliseconds(1_763_730_000_123);

    [Fact]
    public void An_fbclid_becomes_an_fbc_with_its_case_kept()
    {
        Fbc.FromFbclid("IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk", Seen)
            .ShouldBe("fb.1.1763730000123.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("undefined")]
    [InlineData("a.b")]
    [InlineData("a b")]
    [InlineData("a%20b")]
    public void An_fbc_is_never_invented(string? fbclid) => Fbc.FromFbclid(fbclid, Seen).ShouldBeNull();

    [Theory]
    [InlineData("fb.1.1596403881668.AbCdEf_-9", true)]
    [InlineData("fb.2.1596403881668.AbCdEf.AQ", true)]
    [InlineData("fb.1.1596403881668.AbCdEf.AbCd_-12", true)]
    [InlineData("fb.1.1596403881668", false)]
    [InlineData("fb.1.1596403881668.AbC.AQ.x", false)]
    [InlineData("fb.1.1596403881668.", false)]
    [InlineData("fb.1..AbC", false)]
    [InlineData("fb.x.1596403881668.AbC", false)]
    [InlineData("FB.1.1596403881668.AbC", false)]
    [InlineData("fb.1.1596403881668.a c", false)]
    [InlineData("undefined", false)]
    [InlineData(null, false)]
    public void An_fbc_has_four_or_five_segments(string? fbc, bool valid)
    {
        Fbc.IsValid(fbc).ShouldBe(valid);
        Fbc.IsValidFbp(fbc).ShouldBe(valid);
    }

    [Fact]
    public void The_fbclid_is_read_back_from_the_fbc()
    {
        Fbc.FbclidOf("fb.1.1596403881668.AbCdEf.AQ").ShouldBe("AbCdEf");
        Fbc.FbclidOf("fb.1").ShouldBeNull();
    }
}
