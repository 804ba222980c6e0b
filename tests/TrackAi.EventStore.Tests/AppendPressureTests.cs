using TrackAi.EventStore.Appending;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

public sealed class AppendPressureTests
{
    [Fact]
    public async Task A_reader_goes_at_once_while_few_append()
    {
        var (few, many) = (Pressure(TimeSpan.FromHours(1)), Pressure(TimeSpan.FromHours(1)));
        await using var callers = new Callers(few, 15);
        await using var others = new Callers(many, 16);

        await Eventually.TrueAsync(() => Task.FromResult(!GoesAtOnce(many)), "the other's reader to wait");

        GoesAtOnce(few).ShouldBeTrue();
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
        var waiting = Task.CompletedTask;
        await using (new Callers(pressure, 16))
            await Eventually.TrueAsync(
                () => Task.FromResult(!(waiting = pressure.LetCallersGoFirstAsync(Now, Stop)).IsCompleted),
                "the reader to wait"
            );

        await waiting.WaitAsync(Eventually.Patience, Stop);
    }

    [Fact]
    public async Task A_reader_goes_after_a_while_although_callers_queue_without_end()
    {
        var pressure = Pressure(TimeSpan.FromMilliseconds(100));
        var waiting = Task.CompletedTask;
        await using var callers = new Callers(pressure, 1000);
        await Eventually.TrueAsync(
            () => Task.FromResult(!(waiting = pressure.LetCallersGoFirstAsync(Now, Stop)).IsCompleted),
            "the reader to wait"
        );

        await waiting.WaitAsync(Eventually.Patience, Stop);
    }

    [Fact]
    public async Task A_reader_is_not_kept_from_what_has_waited_as_long_as_it_may()
    {
        var pressure = Pressure(TimeSpan.FromHours(1));
        await using var callers = new Callers(pressure, 1000);
        await Eventually.TrueAsync(() => Task.FromResult(!GoesAtOnce(pressure)), "readers to wait");

        var anHourAgo =
            TimeProvider.System.GetTimestamp() - (long)TimeSpan.FromHours(1).TotalSeconds * TimeProvider.System.TimestampFrequency;

        pressure.LetCallersGoFirstAsync(anHourAgo, Stop).IsCompletedSuccessfully.ShouldBeTrue();
    }

    private static long Now => TimeProvider.System.GetTimestamp();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static bool GoesAtOnce(AppendPressure pressure) => pressure.LetCallersGoFirstAsync(Now, Stop).IsCompletedSuccessfully;

    private static AppendPressure Pressure(TimeSpan atMost) => new(new EventStoreOptions { LongestYield = atMost }, TimeProvider.System);

    /// <summary>So many appends are under way, until it is disposed.</summary>
    private sealed class Callers : IAsyncDisposable
    {
        private readonly CancellationTokenSource answered = new();
        private readonly Task queueing;

        public Callers(AppendPressure pressure, int many) =>
            queueing = Task.Factory.StartNew(
                () =>
                {
                    while (!answered.IsCancellationRequested)
                    {
                        pressure.Note(many);
                        Thread.Yield();
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default
            );

        public async ValueTask DisposeAsync()
        {
            await answered.CancelAsync();
            await queueing;
            answered.Dispose();
        }
    }
}
