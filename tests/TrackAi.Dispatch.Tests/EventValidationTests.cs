using TrackAi.Contracts;
using static TrackAi.Dispatch.Tests.Sales;

namespace TrackAi.Dispatch.Tests;

public sealed class EventValidationTests
{
    [Fact]
    public void A_good_sale_has_nothing_against_it() => Check(Sale, Ana).ShouldBeEmpty();

    [Fact]
    public void A_sale_is_too_old_after_seven_days_and_not_before()
    {
        Check(Sale with { OccurredAt = Noon.AddDays(-7) }, Ana).ShouldBeEmpty();
        Check(Sale with { OccurredAt = Noon.AddDays(-7).AddSeconds(-1) }, Ana).ShouldBe(["too_old"]);
    }

    [Theory]
    [InlineData("", "no_user_data")]
    [InlineData("ct country st zp ge ua", "weak_user_data")]
    [InlineData("country", "weak_user_data")]
    [InlineData("db ua", "weak_user_data")]
    [InlineData("fn ge", "weak_user_data")]
    [InlineData("ln ge", "weak_user_data")]
    [InlineData("ln", "weak_user_data")]
    [InlineData("fn ln", null)]
    [InlineData("em", null)]
    [InlineData("fn ct", null)]
    [InlineData("ua fbp", null)]
    [InlineData("ua ip", null)]
    [InlineData("external_id", null)]
    public void Only_what_could_tell_a_person_is_sent(string fields, string? reason)
    {
        var has = fields.Split(' ').ToHashSet(StringComparer.Ordinal);
        var person = new ProtectedPerson
        {
            Em = Of("em"),
            Fn = Of("fn"),
            Ln = Of("ln"),
            Db = Of("db"),
            Ge = Of("ge"),
            Ct = Of("ct"),
            St = Of("st"),
            Zp = Of("zp"),
            Country = Of("country"),
            ExternalId = Of("external_id"),
            UserAgent = has.Contains("ua") ? Browser : null,
            IpAddress = has.Contains("ip") ? "203.0.113.7" : null,
            Fbp = has.Contains("fbp") ? "fb.1.1795000000000.1" : null,
        };

        Check(Sale, person).ShouldBe(reason is null ? [] : [reason]);

        string[] Of(string field) => has.Contains(field) ? [Hash(field)] : [];
    }

    [Theory]
    [InlineData("-0.01", "BRL", "negative_value")]
    [InlineData("0", "BRL", null)]
    [InlineData("1", "", "missing_currency")]
    [InlineData("1", "R$", "unknown_currency")]
    [InlineData("1", "brl", "unknown_currency")]
    [InlineData("1", "USD", null)]
    public void The_amount_and_its_currency_must_be_what_Meta_takes(string amount, string currency, string? reason) =>
        Check(Sale with { Value = new Money(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), currency) }, Ana)
            .ShouldBe(reason is null ? [] : [reason]);

    [Fact]
    public void Every_reason_is_told() =>
        Check(Sale with { EventName = "", Value = new Money(-1, ""), OccurredAt = Noon.AddDays(-8) }, new ProtectedPerson())
            .ShouldBe(["too_old", "bad_event_name", "no_user_data", "missing_currency", "negative_value"]);

    private static IReadOnlyList<string> Check(CapiSale sale, ProtectedPerson buyer) =>
        EventValidation.Check(CapiPayload.Build(sale, [buyer], null, Noon), Noon);
}
