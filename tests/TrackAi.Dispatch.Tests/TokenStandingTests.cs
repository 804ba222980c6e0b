namespace TrackAi.Dispatch.Tests;

public sealed class TokenStandingTests
{
    [Theory]
    [InlineData(true, true, null, null)]
    [InlineData(true, true, 25, null)]
    [InlineData(true, true, 23, "expires_soon")]
    [InlineData(true, true, -1, "expires_soon")]
    [InlineData(true, false, 23, "invalid")]
    [InlineData(false, false, null, null)]
    public void A_token_has_somebody_see_to_it_when_it_is_dead_or_has_less_than_a_day(
        bool isKnown,
        bool isValid,
        int? hoursLeft,
        string? alert
    ) =>
        new TokenStanding(isKnown, isValid, hoursLeft is { } hours ? Sales.Noon.AddHours(hours) : null).AlertAt(Sales.Noon).ShouldBe(alert);
}
