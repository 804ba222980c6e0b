namespace TrackAi.Gateways.Tests;

public sealed class GatewayTimeTests
{
    [Theory]
    [InlineData("2026-11-05T15:03:55Z", "2026-11-05T15:03:55Z")]
    [InlineData("2026-11-05T12:03:55-03:00", "2026-11-05T15:03:55Z")]
    [InlineData("2026-11-05T15:03:55.123Z", "2026-11-05T15:03:55.123Z")]
    [InlineData("2026-12-05T12:03:40.000000Z", "2026-12-05T12:03:40Z")]
    [InlineData("2026-11-05 12:03:55-03:00", "2026-11-05T15:03:55Z")]
    [InlineData("1793891035", "2026-11-05T15:03:55Z")]
    [InlineData("1793891035.123456", "2026-11-05T15:03:55.123Z")]
    [InlineData("1793891035123", "2026-11-05T15:03:55.123Z")]
    public void A_time_with_a_zone_means_what_it_says(string text, string utc) =>
        GatewayTime.Parse(text).ShouldBe(DateTimeOffset.Parse(utc, null));

    [Theory]
    [InlineData("2026-11-05 12:03:55")]
    [InlineData("2026-11-05T12:03:55")]
    [InlineData("2026-11-05T12:03:55.000")]
    public void A_time_without_a_zone_is_Brasilias(string text) =>
        GatewayTime.Parse(text).ShouldBe(new DateTimeOffset(2026, 11, 5, 15, 3, 55, TimeSpan.Zero));

    [Fact]
    public void A_date_alone_is_its_first_moment_in_Brasilia() =>
        GatewayTime.Parse("2026-11-05").ShouldBe(new DateTimeOffset(2026, 11, 5, 3, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("99999999999999999999")]
    [InlineData("0000-00-00 00:00:00")]
    [InlineData("0001-01-01 00:00:00")]
    [InlineData("0001-01-01T00:00:00+14:00")]
    [InlineData("1999-12-31T23:59:59Z")]
    [InlineData("9999-12-31 23:59:59")]
    [InlineData("9999-12-31")]
    [InlineData("2026-02-30 10:00:00")]
    public void What_is_no_time_of_ours_is_none(string? text) => GatewayTime.Parse(text).ShouldBeNull();

    [Theory]
    [InlineData("10:30")]
    [InlineData("05/10/2026 10:00")]
    [InlineData("1.5")]
    [InlineData("Nov 5")]
    public void A_time_that_would_have_to_be_guessed_is_none(string text) => GatewayTime.Parse(text).ShouldBeNull();

    [Fact]
    public void A_time_in_the_future_is_not_believed()
    {
        var received = Deliveries.ReceivedAt;

        GatewayTime.Believe(received.AddHours(3), received).ShouldBe(received);
        GatewayTime.Believe(null, received).ShouldBe(received);
        GatewayTime.Believe(received.AddSeconds(-1), received).ShouldBe(received.AddSeconds(-1));
        GatewayTime.Believe(new DateTimeOffset(2026, 11, 5, 12, 0, 0, TimeSpan.FromHours(-3)), received).Offset.ShouldBe(TimeSpan.Zero);
    }
}
