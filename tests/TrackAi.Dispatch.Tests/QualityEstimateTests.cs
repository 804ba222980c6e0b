namespace TrackAi.Dispatch.Tests;

/// <summary>What an event carries, what that is worth, and what would raise it.</summary>
public sealed class QualityEstimateTests
{
    private static readonly CapiUserData Nobody = new([], [], [], [], [], [], [], [], [], [], [], null, null, null, null);

    [Fact]
    public void An_event_without_anybody_is_worth_nothing_and_an_e_mail_would_raise_it_most()
    {
        var quality = QualityEstimate.Of(Nobody);

        quality.Score.ShouldBe(0);
        quality.Carries.ShouldBeEmpty();
        quality.Raises.ShouldBe(["em", "fbc", "ph"]);
    }

    [Fact]
    public void A_matched_sale_with_e_mail_phone_and_the_clicks_cookies_is_a_good_one()
    {
        var quality = QualityEstimate.Of(
            Nobody with
            {
                Em = ["a"],
                Ph = ["b"],
                Fbc = "fb.1.1.x",
                Fbp = "fb.1.1.1",
                ClientIpAddress = "203.0.113.7",
                ClientUserAgent = "Mozilla/5.0",
            }
        );

        quality.Score.ShouldBe(8);
        quality.Carries.ShouldBe(["em", "ph", "client_ip_address", "client_user_agent", "fbc", "fbp"], ignoreOrder: true);
        quality.Raises.ShouldBe(["external_id", "fn", "ln"]);
    }

    [Fact]
    public void An_address_without_a_browser_is_worth_nothing_yet() =>
        QualityEstimate.Of(Nobody with { ClientIpAddress = "203.0.113.7" }).Score.ShouldBe(0);

    [Fact]
    public void Everything_together_is_ten() =>
        QualityEstimate
            .Of(
                new(
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    ["a"],
                    "203.0.113.7",
                    "Mozilla/5.0",
                    "fb.1.1.x",
                    "fb.1.1.1"
                )
            )
            .ShouldSatisfyAllConditions(quality => quality.Score.ShouldBe(10), quality => quality.Raises.ShouldBeEmpty());
}
