namespace TrackAi.Dispatch.Tests;

public sealed class BackoffTests
{
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(6, 32)]
    [InlineData(7, 60)]
    [InlineData(int.MaxValue, 60)]
    public void The_longest_wait_doubles_up_to_the_limit(int attempt, int seconds)
    {
        Backoff.Delay(attempt, 0).ShouldBe(TimeSpan.Zero);
        Backoff.Delay(attempt, 0.5).ShouldBe(TimeSpan.FromSeconds(seconds / 2d));
        Backoff.Delay(attempt, 0.999999).ShouldBeLessThan(TimeSpan.FromSeconds(seconds));
    }

    [Fact]
    public void What_Meta_asks_for_is_waited_in_full_and_the_jitter_on_top() =>
        Backoff.Delay(2, 0.5, atLeast: TimeSpan.FromMinutes(5)).ShouldBe(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(1));

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 1)]
    [InlineData(1, -0.1)]
    public void There_is_no_attempt_before_the_first_and_no_sample_outside_its_range(int attempt, double sample) =>
        Should.Throw<ArgumentOutOfRangeException>(() => Backoff.Delay(attempt, sample));
}
