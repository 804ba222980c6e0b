using System.Collections.Concurrent;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch.Lanes;

/// <summary>How a lane does on this host.</summary>
internal sealed class LaneState(Circuit circuit, int most)
{
    /// <summary>A few events are enough to see whether Meta is back.</summary>
    public const int ProbeSize = 10;

    /// <summary>
    /// A pixel that nobody has heard of yet begins with so many, and has twice as many after each request that goes well: of one that is dead, a
    /// few fail at a time and not thousands, whose record everybody would have to wait for.
    /// </summary>
    public const int FirstBatch = 50;

    private int batchLimit = Math.Min(FirstBatch, most);
    private int throttled;

    public Circuit Circuit { get; } = circuit;

    /// <summary>Batches of this lane on their way. Guarded by <see cref="HostLanes"/>.</summary>
    public int InFlight { get; set; }

    /// <summary>Answers in a row that asked for a pause.</summary>
    public int ThrottleStreak => throttled;

    public DateTimeOffset? LastFailureCounted { get; set; }

    /// <summary>Events to put into the next request.</summary>
    public int NextBatch(bool isProbe) => isProbe ? ProbeSize : Volatile.Read(ref batchLimit);

    /// <summary>Smaller batches where Meta has trouble with large ones, larger ones as long as all goes well.</summary>
    public void Learn(MetaAnswer answer, int sent)
    {
        if (answer is MetaAnswer.Accepted)
        {
            if (sent >= batchLimit)
                Volatile.Write(ref batchLimit, Math.Min(most, batchLimit * 2));
            throttled = 0;
        }
        else if (answer is MetaAnswer.Refused { Class: ErrorClass.Throttled })
            Interlocked.Increment(ref throttled);
        else if (Circuit.IsTrouble(answer) || answer is MetaAnswer.Refused { HttpStatus: 413 })
            Volatile.Write(ref batchLimit, Math.Max(ProbeSize, Math.Min(batchLimit, sent) / 2));
    }
}

/// <summary>The lanes this host sends on, and Meta as a whole: what is on its way, and how it goes.</summary>
internal sealed class HostLanes(DispatchOptions options, TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly ConcurrentDictionary<Lane, LaneState> lanes = [];
    private int inFlight;

    public Circuit Meta { get; } = new(options.Circuit, options.Circuit.MinimumRequestsOfAll, time);

    /// <summary>The lane that was last given something.</summary>
    public Lane Last { get; private set; }

    public LaneState this[Lane lane] =>
        lanes.GetOrAdd(lane, _ => new LaneState(new Circuit(options.Circuit, options.Circuit.MinimumRequests, time), options.BatchSize));

    public int OpenCircuits => lanes.Values.Count(lane => !lane.Circuit.IsClosed);

    /// <summary>Whether circuits are heeded: flag <c>circuit_breaker</c>, as it was last read.</summary>
    public bool Circuits { get; set; } = true;

    private bool IsMetaProbed => Circuits && !Meta.IsClosed;

    /// <summary>Batches that may still go out now: one, while it is tried out whether Meta is back.</summary>
    public int Room
    {
        get
        {
            lock (gate)
                return (IsMetaProbed ? 1 : options.MaxInFlight) - inFlight;
        }
    }

    /// <summary>Events to claim at most.</summary>
    public int Most => IsMetaProbed ? LaneState.ProbeSize : options.BatchSize * 4;

    public bool IsProbed(LaneState lane) => IsMetaProbed || (Circuits && !lane.Circuit.IsClosed);

    /// <summary>Lanes that have as much on its way as one may have: one request where it is tried out whether it works again.</summary>
    public IReadOnlyCollection<Lane> Busy
    {
        get
        {
            lock (gate)
                return
                [
                    .. lanes
                        .Where(lane => lane.Value.InFlight >= (IsProbed(lane.Value) ? 1 : options.MaxInFlightPerPixel))
                        .Select(lane => lane.Key),
                ];
        }
    }

    public void Enter(Lane lane)
    {
        var state = this[lane];
        lock (gate)
        {
            (state.InFlight, inFlight) = (state.InFlight + 1, inFlight + 1);
            Last = lane;
        }
    }

    public void Leave(Lane lane)
    {
        var state = this[lane];
        lock (gate)
            (state.InFlight, inFlight) = (state.InFlight - 1, inFlight - 1);
    }

    /// <summary>
    /// Counts a request for Meta as a whole. A pixel in trouble counts once in a while only: its own circuit sees to it, however much it has to send.
    /// </summary>
    public async Task CountForMetaAsync(LaneState lane, MetaAnswer answer)
    {
        if (Circuit.IsTrouble(answer))
        {
            var now = time.GetUtcNow();
            lock (gate)
            {
                if (Meta.IsClosed && now - lane.LastFailureCounted < options.Circuit.Window / 6)
                    return;
                lane.LastFailureCounted = now;
            }
        }

        await Meta.CountAsync(answer);
    }
}
