using TrackAi.Dispatch.Lanes;
using TrackAi.Dispatch.Queue;
using TrackAi.Testing;

namespace TrackAi.Dispatch.Tests;

public sealed class CircuitTests
{
    private static readonly CircuitOptions Options = new()
    {
        MinimumRequests = 3,
        MinimumRequestsOfAll = 4,
        Break = TimeSpan.FromSeconds(5),
        LongestBreak = TimeSpan.FromSeconds(15),
    };

    private static readonly MetaAnswer Bad = new MetaAnswer.NoAnswer("No answer within 10 s.", TimeSpan.Zero);
    private static readonly MetaAnswer Good = new MetaAnswer.Accepted(1, null, [], 200, TimeSpan.Zero);
    private static readonly MetaAnswer Refused = new MetaAnswer.Refused(
        ErrorClass.Permanent,
        400,
        100,
        null,
        "",
        null,
        null,
        TimeSpan.Zero
    );

    private readonly ManualTime time = new(Sales.Noon);

    [Fact]
    public async Task It_opens_on_counted_failures_however_fast_they_come_and_asks_nobody_any_more()
    {
        var circuit = new Circuit(Options, 3, time);
        for (var failure = 0; failure < 3; failure++)
            (await AskAsync(circuit, Bad)).ShouldBe(Bad);

        (await AskAsync(circuit, Good)).ShouldBeOfType<MetaAnswer.NotAsked>();
        circuit.TakeChange().ShouldBe(new CircuitChange("No answer within 10 s.", Sales.Noon.AddSeconds(5), IsNew: true));
        circuit.TakeChange().ShouldBeNull("it was told");
    }

    [Fact]
    public async Task A_probe_that_goes_well_closes_it()
    {
        var circuit = await OpenAsync();
        time.Advance(TimeSpan.FromSeconds(5));

        (await AskAsync(circuit, Good)).ShouldBe(Good);

        circuit.IsClosed.ShouldBeTrue();
        circuit.TakeChange()!.Until.ShouldBeNull();
    }

    [Fact]
    public async Task A_probe_that_fails_opens_it_for_longer_up_to_the_limit()
    {
        var circuit = await OpenAsync();
        foreach (var longer in (int[])[10, 15, 15])
        {
            time.Advance(circuit.OpenUntil - time.GetUtcNow());
            await AskAsync(circuit, Bad);
            circuit.TakeChange().ShouldBe(new CircuitChange("No answer within 10 s.", time.GetUtcNow().AddSeconds(longer), IsNew: false));
        }
    }

    [Fact]
    public async Task What_Meta_refuses_for_its_content_opens_nothing()
    {
        var circuit = new Circuit(Options, 3, time);
        for (var refusal = 0; refusal < 20; refusal++)
            await AskAsync(circuit, Refused);

        circuit.IsClosed.ShouldBeTrue();
    }

    [Fact]
    public async Task One_pixel_in_trouble_does_not_open_the_circuit_of_Meta_however_much_it_has_to_send()
    {
        var lanes = new HostLanes(new DispatchOptions { Circuit = Options }, time);
        var ill = lanes[new Lane("acme", "1")];
        for (var request = 0; request < 100; request++)
            await lanes.CountForMetaAsync(ill, Bad);

        lanes.Meta.IsClosed.ShouldBeTrue();
    }

    [Fact]
    public async Task When_every_pixel_fails_it_is_Meta_and_only_one_small_batch_goes_out_to_see()
    {
        var lanes = new HostLanes(new DispatchOptions { Circuit = Options }, time);
        for (var pixel = 0; pixel < 4; pixel++)
            await lanes.CountForMetaAsync(lanes[new Lane("acme", $"{pixel}")], Bad);

        lanes.Meta.IsClosed.ShouldBeFalse();
        (lanes.Room, lanes.Most).ShouldBe((1, LaneState.ProbeSize));
        time.Advance(TimeSpan.FromSeconds(5));
        await lanes.CountForMetaAsync(lanes[new Lane("acme", "1")], Good);
        (lanes.Meta.IsClosed, lanes.Room).ShouldBe((true, new DispatchOptions().MaxInFlight));
    }

    private async Task<Circuit> OpenAsync()
    {
        var circuit = new Circuit(Options, 3, time);
        for (var failure = 0; failure < 3; failure++)
            await AskAsync(circuit, Bad);
        circuit.TakeChange();
        return circuit;
    }

    private static async Task<MetaAnswer> AskAsync(Circuit circuit, MetaAnswer answer) =>
        await circuit.AskAsync(_ => ValueTask.FromResult(answer), CancellationToken.None);
}
