using TrackAi.EventStore.Appending;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>By a clock of the test's: how the machine shares its time out decides nothing.</summary>
public sealed class AppendPressureTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);

    private readonly Clock clock = new();

    [Fact]
    public void A_reader_goes_at_once_while_few_append()
    {
        var (few, many) = (Pressure(TimeSpan.FromHours(1)), Pressure(TimeSpan.FromHours(1)));

        Rush(few, 15);
        Rush(many, 16);

        GoesAtOnce(few).ShouldBeTrue();
        GoesAtOnce(many).ShouldBeFalse();
    }

    [Fact]
    public void A_reader_goes_at_once_at_a_queue_of_a_moment()
    {
        var pressure = Pressure(TimeSpan.FromHours(1));

        pressure.Note(1000);

        GoesAtOnce(pressure).ShouldBeTrue();
    }

    [Fact]
    public async Task A_reader_lets_callers_who_keep_queueing_go_first_and_goes_when_they_are_answered()
    {
        var pressure = Pressure(TimeSpan.FromHours(1));
        Rush(pressure, 16);

        var waiting = pressure.LetCallersGoFirstAsync(clock.GetTimestamp(), Stop);
        waiting.IsCompleted.ShouldBeFalse();
        clock.Advance(TimeSpan.FromMilliseconds(51));

        await waiting.WaitAsync(Eventually.Patience, Stop);
    }

    [Fact]
    public async Task A_reader_goes_after_a_while_although_callers_queue_without_end()
    {
        var pressure = Pressure(TimeSpan.FromSeconds(10));
        Rush(pressure, 1000);

        var began = clock.GetTimestamp();
        var waiting = pressure.LetCallersGoFirstAsync(began, Stop);
        while (clock.GetElapsedTime(began) < TimeSpan.FromSeconds(9))
            Continue(pressure, 1000);
        waiting.IsCompleted.ShouldBeFalse();
        while (clock.GetElapsedTime(began) <= TimeSpan.FromSeconds(10))
            Continue(pressure, 1000);

        await waiting.WaitAsync(Eventually.Patience, Stop);
        GoesAtOnce(pressure).ShouldBeFalse("they queue still");
    }

    [Fact]
    public void A_reader_is_not_kept_from_what_has_waited_as_long_as_it_may()
    {
        var pressure = Pressure(TimeSpan.FromHours(1));
        var caughtUp = clock.GetTimestamp();
        clock.Advance(TimeSpan.FromHours(1));

        Rush(pressure, 1000);

        GoesAtOnce(pressure).ShouldBeFalse();
        pressure.LetCallersGoFirstAsync(caughtUp, Stop).IsCompletedSuccessfully.ShouldBeTrue();
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private bool GoesAtOnce(AppendPressure pressure) => pressure.LetCallersGoFirstAsync(clock.GetTimestamp(), Stop).IsCompletedSuccessfully;

    private AppendPressure Pressure(TimeSpan atMost) => new(new EventStoreOptions { LongestYield = atMost }, clock);

    /// <summary>So many appends are under way for more than a second.</summary>
    private void Rush(AppendPressure pressure, int many)
    {
        for (var step = 0; step < 60; step++)
            Continue(pressure, many);
    }

    private void Continue(AppendPressure pressure, int many)
    {
        clock.Advance(Step);
        pressure.Note(many);
    }

    /// <summary>What has elapsed is in the test's hand; timers run by the real clock.</summary>
    private sealed class Clock : TimeProvider
    {
        private long ticks = TimeSpan.TicksPerHour;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref ticks);

        public void Advance(TimeSpan by) => Interlocked.Add(ref ticks, by.Ticks);
    }
}
