using TrackAi.Contracts;

namespace TrackAi.Matching.Tests;

/// <summary>What sellers, checkouts and other scripts make of a link's tracking fields, and what is found in them all the same.</summary>
public sealed class TrackingSlotsTests
{
    private const string Token = "tk1_8fQ2mZr7Lp0Vb3Xy";
    private const string Other = "tk1_0123456789ABCDEF";
    private const string Fbclid = "IwZXh0bgNhZW0BMABhZGlkAasbcdefghijklmnop";
    private const string Joint = "hQwK21wXxR";
    private const string Ad = "120208765432100123";

    [Theory]
    [InlineData(Token)]
    [InlineData($"FB|oferta|{Token}")]
    [InlineData($"{Token}|FB|oferta")]
    [InlineData($"FB{Joint}oferta{Joint}{Token}{Joint}anuncio{Joint}feed")]
    [InlineData($"oferta{Token}{Joint}feed")]
    [InlineData($"vsl-1_{Token}_botao2")]
    [InlineData($"src={Token}&utm_source=FB")]
    [InlineData($"a;b,{Token};c")]
    [InlineData($"https://pay.exemplo.com.br/x?sck={Token}#topo")]
    [InlineData("FB%7Coferta%7Ctk1%5F8fQ2mZr7Lp0Vb3Xy")]
    [InlineData("FB%257Coferta%257Ctk1%255F8fQ2mZr7Lp0Vb3Xy")]
    [InlineData($"  {Token}  ")]
    [InlineData($"tk1_curto|{Token}")]
    public void A_token_is_found_inside_whatever_it_is_packed_into(string sck)
    {
        TrackingSlots.Of(Campaign.None with { Sck = sck }).ClickTokens.ShouldBe([Token]);
        ClickToken.FindAll(sck).ShouldBe([Token]);
    }

    [Fact]
    public void Several_tokens_are_all_found_each_once_and_the_free_slots_first() =>
        TrackingSlots
            .Of(Campaign.None with { Src = Other, Sck = $"{Token}|{Other}", Xcod = Token, UtmContent = $"x{Other}" })
            .ClickTokens.ShouldBe([Token, Other]);

    [Theory]
    [InlineData("TK1_8FQ2MZR7LP0VB3XY")]
    [InlineData("tk1_8fQ2mZr7Lp0Vb3")]
    [InlineData("tk2_8fQ2mZr7Lp0Vb3Xy")]
    [InlineData("%")]
    [InlineData("%E0%A4%A")]
    public void What_is_no_token_is_none(string sck) => TrackingSlots.Of(Campaign.None with { Sck = sck }).ClickTokens.ShouldBeEmpty();

    [Theory]
    [InlineData($"anuncio 1|{Ad}")]
    [InlineData($"anuncio 1|{Ad} ")]
    [InlineData($"{{{{ad.name}}}}|{Ad}|")]
    [InlineData($"anuncio%201%7C{Ad}")]
    [InlineData($"anuncio%25201%257C{Ad}")]
    [InlineData(Ad)]
    [InlineData($"anuncio 1 - {Ad}")]
    [InlineData($"anuncio_{Ad}_v2")]
    [InlineData($"[{Ad}] criativo azul")]
    [InlineData($"anuncio|{Ad}|{Token}")]
    [InlineData($"anuncio|{Ad}_{Token}")]
    [InlineData($"{Token}|anuncio|{Ad}")]
    public void The_ads_id_is_found_in_utm_content_with_words_and_our_token_around_it(string utmContent) =>
        TrackingSlots.Of(Campaign.None with { UtmContent = utmContent }).AdId.ShouldBe(Ad);

    [Theory]
    [InlineData("2026")]
    [InlineData("anuncio 2026-11-05")]
    [InlineData("11987654321")]
    [InlineData("{{ad.id}}")]
    [InlineData("a120208765432100123b")]
    [InlineData("120208765432100123 e 120208765432100124")]
    public void Another_number_is_no_ads_id(string utmContent) =>
        TrackingSlots.Of(Campaign.None with { UtmContent = utmContent }).AdId.ShouldBeNull();

    [Theory]
    [InlineData($"FB|lancamento|120207|anuncio|{Ad}")]
    [InlineData($"FB|lancamento|120207|anuncio|{Ad}|{Token}")]
    [InlineData($"FB{Joint}lancamento|120207{Joint}conjunto|9{Joint}anuncio|{Ad}{Joint}feed")]
    [InlineData($"FB{Joint}lancamento|120207{Joint}conjunto|9{Joint}anuncio|{Ad}{Joint}feed{Joint}{Token}")]
    [InlineData($"{Token}{Joint}FB{Joint}lancamento|120207{Joint}conjunto|9{Joint}anuncio|{Ad}{Joint}feed")]
    [InlineData($"utm_source=FB&utm_campaign=lancamento|120207&utm_content=anuncio|{Ad}&utm_term=feed")]
    [InlineData($"utm_source%3DFB%26utm_campaign%3Dlancamento%26utm_content%3Danuncio%7C{Ad}")]
    public void The_ads_id_is_found_in_a_packed_field(string sck) => TrackingSlots.Of(Campaign.None with { Sck = sck }).AdId.ShouldBe(Ad);

    [Theory]
    [InlineData($"FB{Joint}lancamento{Joint}conjunto{Joint}anuncio{Joint}feed")]
    [InlineData($"FB{Joint}lancamento{Joint}conjunto{Joint}anuncio{Joint}feed{Joint}{Token}")]
    [InlineData($"{Token}{Joint}FB{Joint}lancamento{Joint}{Joint}{Joint}")]
    [InlineData("?utm_source=FB&utm_campaign=lancamento&x=1")]
    public void The_campaign_is_found_in_a_packed_field(string sck) =>
        TrackingSlots.Of(Campaign.None with { Sck = sck }).UtmCampaign.ShouldBe("lancamento");

    [Theory]
    [InlineData($"fbclid={Fbclid}")]
    [InlineData($"FBCLID%3D{Fbclid}")]
    [InlineData($"FB|{Fbclid}|x")]
    [InlineData($"{Fbclid}_{Token}")]
    [InlineData($"{Fbclid}{Token}")]
    [InlineData($"fb.1.1793890500123.{Fbclid}")]
    [InlineData($"fb.1.1793890500123.{Fbclid}-{Token}")]
    [InlineData($"fb.2.1793890500123.{Fbclid}.AQ|fb.1.1793890500123.1432567890")]
    public void An_fbclid_is_found_by_name_by_its_beginning_and_in_a_cookie(string sck) =>
        TrackingSlots.Of(Campaign.None with { Sck = sck }).Fbclids.ShouldBe([Fbclid]);

    [Theory]
    [InlineData("fb.1.1793890500123.1432567890")]
    [InlineData($"fb.1.1793890500123.1432567890_{Token}")]
    [InlineData($"fbp=fb.1.1793890500123.1432567890&t={Token}")]
    [InlineData($"{Token}|fb.1.1793890500123.1432567890|x")]
    public void A_browsers_cookie_is_found_and_no_phone(string sck)
    {
        var cleaned = (Campaign.None with { Sck = sck }).Cleaned();

        TrackingSlots.Of(cleaned).Fbps.ShouldBe(["fb.1.1793890500123.1432567890"]);
        TrackingSlots.Of(cleaned).Fbclids.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("fb.1.1793890500123.1432567890|11 98765-4321")]
    [InlineData("fb.1.1793890500123.1432567890|ana@exemplo.com.br")]
    public void Beside_a_cookie_a_phone_is_still_a_phone(string sck) => CampaignText.Clean(sck).ShouldBeNull();
}
