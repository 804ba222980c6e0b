using TrackAi.EventStore.Appending;

namespace TrackAi.EventStore.Tests;

public sealed class AppendPressureTests
{
    [Fact]
    public void A_reader_goes_at_once_while_few_append()
    {
        var pressure = Pressure(TimeSpan.FromHours(1));

        pressure.Note(15);

        pressure.LetCallersGoFirstAsync(behind: 1, TestContext.Current.CancellationToken).IsCompletedSuccessfully.ShouldBeTrue();
    }

    [Fact]
    public async Task A_reader_lets_callers_who_queue_go_first_and_goes_when_they_are_answered()
    {
        var pressure = Pressure(TimeSpan.FromHours(1));
        pressure.Note(16);

        var waiting = pressure.LetCallersGoFirstAsync(behind: 1, TestContext.Current.CancellationToken);

        waiting.IsCompleted.ShouldBeFalse();
        await waiting.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void A_reader_that_lies_far_behind_does_not_wait()
    {
        var pressure = Pressure(TimeSpan.FromHours(1));
        pressure.Note(1000);

        pressure.LetCallersGoFirstAsync(behind: 1_000_000, TestContext.Current.CancellationToken).IsCompletedSuccessfully.ShouldBeTrue();
    }

    [Fact]
    public async Task A_reader_goes_after_a_while_although_callers_queue_without_end()
    {
        var pressure = Pressure(TimeSpan.FromMilliseconds(100));
        using var enough = new CancellationTokenSource();
        var queueing = Task.Run(
            () =>
            {
                while (!enough.IsCancellationRequested)
                {
                    pressure.Note(1000);
                    Thread.Yield();
                }
            },
            TestContext.Current.CancellationToken
        );
        try
        {
            await pressure
                .LetCallersGoFirstAsync(behind: 1, TestContext.Current.CancellationToken)
                .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        }
        finally
        {
            await enough.CancelAsync();
            await queueing;
        }
    }

    private static AppendPressure Pressure(TimeSpan atMost) => new(new EventStoreOptions { LongestYield = atMost }, TimeProvider.System);
}
