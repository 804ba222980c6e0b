using TrackAi.Contracts;

namespace TrackAi.Tenancy.Tests;

public sealed class TenantSlugTests
{
    [Theory]
    [InlineData("Ação Café", "acao-cafe")]
    [InlineData("  Método — São João 2.0!  ", "metodo-sao-joao-2-0")]
    [InlineData("Straße & Ærø", "strasse-aero")]
    [InlineData("Łódź", "lodz")]
    [InlineData("1ª Turma", "1a-turma")]
    [InlineData("test-tenant-001", "test-tenant-001")]
    public void A_slug_keeps_the_base_form_of_accented_letters(string name, string slug)
    {
        TenantSlug.From(name).ShouldBe(slug);
        TenantSlug.IsValid(slug).ShouldBeTrue();
    }

    [Theory]
    [InlineData("")]
    [InlineData("!!!")]
    [InlineData("日本")]
    public void A_name_without_a_latin_letter_or_digit_has_no_slug(string name) => TenantSlug.From(name).ShouldBeNull();

    [Fact]
    public void A_long_name_is_cut_and_does_not_end_in_a_hyphen()
    {
        var slug = TenantSlug.From(new string('a', 62) + " " + new string('b', 20));

        slug.ShouldBe(new string('a', 62));
        TenantSlug.IsValid(new string('a', 63)).ShouldBeTrue();
        TenantSlug.IsValid(new string('a', 64)).ShouldBeFalse();
    }

    [Theory]
    [InlineData("Acme")]
    [InlineData("-acme")]
    [InlineData("ac me")]
    [InlineData("acme\n")]
    [InlineData("ação")]
    [InlineData("")]
    public void Anything_else_is_no_slug(string slug) => TenantSlug.IsValid(slug).ShouldBeFalse();
}
