using TrackAi.Contracts;

namespace TrackAi.Privacy.Tests;

public sealed class CampaignTextTests
{
    [Theory]
    [InlineData("joana@exemplo.com.br")]
    [InlineData("FB|joana.prado+vip@exemplo.com|1")]
    [InlineData("joana%40exemplo.com")]
    [InlineData("joana%2540exemplo.com")]
    [InlineData("joana@gmail")]
    [InlineData("joana＠exemplo.com")]
    [InlineData("joana\u200B@exemplo.com")]
    [InlineData("mailto:josé@exemplo.com")]
    public void A_field_that_holds_an_email_is_not_stored(string value) => CampaignText.Clean(value).ShouldBeNull();

    [Theory]
    [InlineData("11987654321")]
    [InlineData("5511987654321")]
    [InlineData("+5511987654321")]
    [InlineData("%2B5511987654321")]
    [InlineData("005511987654321")]
    [InlineData("(11) 98765-4321")]
    [InlineData("11 98765 4321")]
    [InlineData("11-98765-4321")]
    [InlineData("11.98765.4321")]
    [InlineData("11 987654321")]
    [InlineData("55+11+98765+4321")]
    [InlineData("11%2098765-4321")]
    [InlineData("1134567890")]
    [InlineData("lead_5511987654321")]
    [InlineData("whats5511987654321")]
    [InlineData("wa.me/5511987654321")]
    [InlineData("tel:11987654321|FB")]
    [InlineData("+1 (650) 555-1212")]
    [InlineData("+16505551212")]
    [InlineData("(650)555-1212")]
    [InlineData("650-555-1212")]
    [InlineData("+351 912 345 678")]
    [InlineData("１１９８７６５４３２１")]
    [InlineData("123.456.789-09")]
    [InlineData("black friday 2026 11 98765-4321 vip")]
    public void A_field_that_holds_a_phone_is_not_stored(string value) => CampaignText.Clean(value).ShouldBeNull();

    [Theory]
    [InlineData("campaign|120210998877660012")]
    [InlineData("campaign+120210998877660012")]
    [InlineData("120210998877660012 - 120210998877660013")]
    [InlineData("[CBO] 01 - 10-05-2026|120210998877660012")]
    [InlineData("2026-05-10 2026-06-10")]
    [InlineData("M 25-54 | 18-24 25-34 35-44 45-54 55-64")]
    [InlineData("TT-1763730000123-a8Kd")]
    [InlineData("FBjLj65f3a9c0d1e2f3a4b5c6d7e8f")]
    [InlineData("tk1_0123456789ABCDEFx")]
    [InlineData("IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk")]
    [InlineData("FBhQwK21wXxRCampanha|120210998877660012hQwK21wXxRConjunto|120210998877660013")]
    [InlineData("promo @ 50% off")]
    [InlineData("@perfil")]
    [InlineData("black+friday+2026")]
    [InlineData("Lançamento São João 🎉")]
    [InlineData("1080x1920")]
    [InlineData("100%")]
    public void The_words_and_ids_of_ads_are_stored_as_they_are(string value) => CampaignText.Clean(value).ShouldBe(value);

    [Theory]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData(" \t ", null)]
    [InlineData("\u200B", null)]
    [InlineData("  FB ", "FB")]
    [InlineData("F\u0000B\r\n", "FB")]
    public void What_cannot_be_seen_is_taken_out(string? value, string? expected) => CampaignText.Clean(value).ShouldBe(expected);

    [Fact]
    public void A_long_text_is_cut_between_characters()
    {
        CampaignText.Clean(new string('x', 600)).ShouldBe(new string('x', 512));
        CampaignText.Clean(new string('x', 511) + "🎉").ShouldBe(new string('x', 511));
    }

    [Fact]
    public void An_email_that_the_cut_would_go_through_is_seen_whole() =>
        CampaignText.Clean(new string('x', 500) + " joana.prado@exemplo.com").ShouldBeNull();
}
