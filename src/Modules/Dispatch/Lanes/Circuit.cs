using Polly;
using Polly.CircuitBreaker;

namespace TrackAi.Dispatch.Lanes;

/// <summary>That a circuit opened, opened again after a probe failed, or closed.</summary>
/// <param name="Until">When the next probe may be made; null when it closed.</param>
/// <param name="IsNew">Whether it was closed before.</param>
internal sealed record CircuitChange(string Error, DateTimeOffset? Until, bool IsNew);

/// <summary>
/// Counts how requests end, also those that fail fast; opens when most of them failed, lets a single one through after a break, and closes when
/// that one came back well. Polly counts and keeps the state; https://www.pollydocs.org/strategies/circuit-breaker.
/// </summary>
internal sealed class Circuit
{
    private readonly CircuitBreakerStateProvider state = new();
    private readonly ResiliencePipeline<MetaAnswer> pipeline;
    private bool wasOpen;
    private CircuitChange? change;

    public Circuit(CircuitOptions options, int minimum, TimeProvider time)
    {
        pipeline = new ResiliencePipelineBuilder<MetaAnswer> { TimeProvider = time }
            .AddCircuitBreaker(
                new CircuitBreakerStrategyOptions<MetaAnswer>
                {
                    FailureRatio = options.FailureRatio,
                    MinimumThroughput = minimum,
                    SamplingDuration = options.Window,
                    BreakDurationGenerator = broken => ValueTask.FromResult(Break(options, broken.HalfOpenAttempts)),
                    ShouldHandle = static ended => ValueTask.FromResult(ended.Outcome.Result is { } answer && IsTrouble(answer)),
                    StateProvider = state,
                    OnOpened = opened =>
                        Note(
                            new CircuitChange(Said(opened.Outcome.Result), time.GetUtcNow() + opened.BreakDuration, !wasOpen),
                            isOpen: true
                        ),
                    OnClosed = _ => Note(new CircuitChange("", null, false), isOpen: false),
                }
            )
            .Build();
    }

    public bool IsClosed => state.CircuitState is CircuitState.Closed;

    /// <summary>Until when nothing is let through; long ago where it is closed.</summary>
    public DateTimeOffset OpenUntil { get; private set; }

    /// <summary>Asks, unless the circuit is open.</summary>
    public async ValueTask<MetaAnswer> AskAsync(Func<CancellationToken, ValueTask<MetaAnswer>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await pipeline.ExecuteAsync(ask, cancellationToken);
        }
        catch (BrokenCircuitException)
        {
            return new MetaAnswer.NotAsked();
        }
    }

    /// <summary>Counts how a request ended that others asked.</summary>
    public async Task CountAsync(MetaAnswer answer) => await AskAsync(_ => ValueTask.FromResult(answer), CancellationToken.None);

    /// <summary>What changed since it was last asked for, to be told to everybody.</summary>
    public CircuitChange? TakeChange() => Interlocked.Exchange(ref change, null);

    /// <summary>Whether the request failed for a reason that is Meta's or the network's. A refusal of ours is no reason to stop asking.</summary>
    public static bool IsTrouble(MetaAnswer answer) => answer is MetaAnswer.NoAnswer or MetaAnswer.Refused { Class: ErrorClass.Transient };

    // Doubled with each probe that failed.
    private static TimeSpan Break(CircuitOptions options, int probes)
    {
        var longer = options.Break * Math.Pow(2, Math.Min(probes, 30));
        return longer < options.LongestBreak ? longer : options.LongestBreak;
    }

    private ValueTask Note(CircuitChange changed, bool isOpen)
    {
        // What was not told yet and was new is new still.
        var pending = Interlocked.Exchange(ref change, null);
        change = pending is { IsNew: true, Until: not null } && isOpen ? changed with { IsNew = true } : changed;
        (wasOpen, OpenUntil) = (isOpen, changed.Until ?? default);
        return ValueTask.CompletedTask;
    }

    private static string Said(MetaAnswer? answer) =>
        answer switch
        {
            MetaAnswer.NoAnswer none => none.Error,
            MetaAnswer.Refused refused => refused.Message,
            _ => "",
        };
}
