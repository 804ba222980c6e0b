using TrackAi.Dispatch.Lanes;

namespace TrackAi.Dispatch.Tests;

/// <summary>How many events a pixel's next request holds.</summary>
public sealed class LaneStateTests
{
    private static readonly MetaAnswer Well = new MetaAnswer.Accepted(1, null, [], 200, TimeSpan.Zero);
    private static readonly MetaAnswer Silent = new MetaAnswer.NoAnswer("No answer within 10 s.", TimeSpan.Zero);

    private readonly LaneState lane = new(new Circuit(new CircuitOptions(), 5, TimeProvider.System), 500);

    [Fact]
    public void An_unknown_pixel_begins_with_a_few_and_has_twice_as_many_after_each_that_went_well()
    {
        var sizes = new List<int>();
        for (var request = 0; request < 6; request++)
        {
            sizes.Add(lane.NextBatch(isProbe: false));
            lane.Learn(Well, sizes[^1]);
        }

        sizes.ShouldBe([50, 100, 200, 400, 500, 500]);
    }

    [Fact]
    public void What_was_not_full_teaches_nothing_about_larger_ones()
    {
        lane.Learn(Well, 7);

        lane.NextBatch(isProbe: false).ShouldBe(50);
    }

    [Fact]
    public void Trouble_halves_it_down_to_a_probe()
    {
        foreach (var expected in (int[])[25, 12, 10, 10])
        {
            lane.Learn(Silent, lane.NextBatch(isProbe: false));
            lane.NextBatch(isProbe: false).ShouldBe(expected);
        }
    }

    [Fact]
    public void A_host_with_small_batches_begins_with_those() =>
        new LaneState(new Circuit(new CircuitOptions(), 5, TimeProvider.System), 20).NextBatch(isProbe: false).ShouldBe(20);
}
