using TrackAi.Dispatch.Lanes;

namespace TrackAi.Dispatch.Tests;

public sealed class PaceTests
{
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    [Theory]
    [InlineData(0, null)]
    [InlineData(74, null)]
    [InlineData(75, 0)]
    [InlineData(90, 18)]
    [InlineData(100, 30)]
    [InlineData(170, 30)]
    public void The_nearer_to_Metas_limit_the_longer_a_pixel_rests_between_requests(double percent, int? seconds) =>
        Pace.After(Accepted(new MetaUsage(percent, TimeSpan.Zero)), 0, Backoff, 0.5)
            .ShouldBe(seconds is null ? null : TimeSpan.FromSeconds(seconds.Value));

    [Fact]
    public void When_Meta_says_when_to_come_back_that_is_when() =>
        Pace.After(Accepted(new MetaUsage(100, TimeSpan.FromMinutes(7))), 0, Backoff, 0.5).ShouldBe(TimeSpan.FromMinutes(7));

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(3, 2)]
    public void A_throttled_pixel_rests_longer_each_time(int streak, double seconds) =>
        Pace.After(Throttled(null), streak, Backoff, 0.5).ShouldBe(TimeSpan.FromSeconds(seconds));

    [Fact]
    public void What_Meta_asks_for_is_waited_in_full() =>
        Pace.After(Throttled(TimeSpan.FromMinutes(5)), 1, Backoff, 0.5).ShouldBe(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(0.5));

    [Theory]
    [InlineData("X-App-Usage", """{"call_count":28,"total_time":81.5,"total_cputime":25}""", 81.5, 0)]
    [InlineData(
        "X-Business-Use-Case-Usage",
        """{"1":[{"type":"ads_management","call_count":100,"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":19}],"2":[]}""",
        100,
        19
    )]
    [InlineData(
        "X-Ad-Account-Usage",
        """{"acc_id_util_pct":9.67,"reset_time_duration":100,"ads_api_access_tier":"standard_access"}""",
        9.67,
        0
    )]
    [InlineData("X-App-Usage", "not json", 0, 0)]
    [InlineData("X-App-Usage", """{"call_count":"many"}""", 0, 0)]
    public void The_highest_of_Metas_figures_counts(string header, string value, double percent, int minutes)
    {
        using var response = new HttpResponseMessage();
        response.Headers.TryAddWithoutValidation(header, value);

        UsageHeaders.Read(response.Headers).ShouldBe(new MetaUsage(percent, TimeSpan.FromMinutes(minutes)));
    }

    private static MetaAnswer.Accepted Accepted(MetaUsage usage) => new(1, null, [], 200, TimeSpan.Zero) { Usage = usage };

    private static MetaAnswer.Refused Throttled(TimeSpan? retryAfter) =>
        new(ErrorClass.Throttled, 429, 4, null, "", null, retryAfter, TimeSpan.Zero);
}
