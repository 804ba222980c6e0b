namespace TrackAi.Dispatch.Tests;

public sealed class BisectionTests
{
    private readonly List<IReadOnlyList<int>> sent = [];

    [Fact]
    public async Task A_good_batch_is_sent_once()
    {
        var verdicts = await SendAsync(1000, bad: []);

        verdicts.ShouldAllBe(verdict => verdict.Answer is MetaAnswer.Accepted);
        sent.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(499)]
    [InlineData(500)]
    [InlineData(998)]
    [InlineData(999)]
    public async Task One_bad_event_among_a_thousand_stands_alone_and_everyone_else_goes_through(int bad)
    {
        var verdicts = await SendAsync(1000, [bad]);

        Refused(verdicts).ShouldBe([bad]);
        sent.Count.ShouldBeLessThanOrEqualTo(21);
    }

    [Fact]
    public async Task Several_bad_events_are_all_found()
    {
        var verdicts = await SendAsync(100, [0, 1, 37, 99]);

        verdicts.Select(verdict => verdict.Event).ShouldBe(Enumerable.Range(0, 100));
        Refused(verdicts).ShouldBe([0, 1, 37, 99]);
    }

    [Fact]
    public async Task What_was_accepted_is_not_sent_again()
    {
        await SendAsync(100, [3, 77]);

        sent.Where(batch => !batch.Intersect([3, 77]).Any()).SelectMany(batch => batch).ShouldBeUnique();
    }

    [Fact]
    public async Task No_event_is_condemned_without_being_sent_alone()
    {
        await SendAsync(64, [63]);

        sent.ShouldContain(batch => batch.Count == 1 && batch[0] == 63);
    }

    [Fact]
    public async Task A_single_bad_event_is_sent_once()
    {
        Refused(await SendAsync(1, [0])).ShouldBe([0]);

        sent.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_empty_batch_is_not_sent()
    {
        (await SendAsync(0, [])).ShouldBeEmpty();

        sent.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(nameof(ErrorClass.Throttled), 4)]
    [InlineData(nameof(ErrorClass.Token), 190)]
    [InlineData(nameof(ErrorClass.Permission), 200)]
    [InlineData(nameof(ErrorClass.Transient), 2)]
    [InlineData(nameof(ErrorClass.Permanent), 368)]
    public async Task A_refusal_that_is_about_no_event_is_everyones_and_ends_the_sending(string name, int code)
    {
        var refusal = Refusal(Enum.Parse<ErrorClass>(name), code);

        var verdicts = await Bisection.SendAsync([1, 2, 3, 4], Answer(_ => refusal), CancellationToken.None);

        verdicts.ShouldAllBe(verdict => verdict.Answer == refusal);
        sent.Count.ShouldBe(1);
    }

    [Fact]
    public async Task When_Meta_falls_silent_half_way_the_rest_is_left_for_later()
    {
        var silence = new MetaAnswer.NoAnswer("gone", TimeSpan.Zero);

        var verdicts = await Bisection.SendAsync(
            [0, 1, 2, 3],
            Answer(batch => batch.Contains(3) ? (batch.Count == 4 ? Refusal(ErrorClass.Permanent, 100) : silence) : Accepted(batch)),
            CancellationToken.None
        );

        verdicts.Select(verdict => verdict.Answer is MetaAnswer.Accepted).ShouldBe([true, true, true, false]);
        verdicts[3].Answer.ShouldBe(silence);
    }

    [Fact]
    public async Task A_batch_of_bad_events_does_not_become_a_flood_and_none_is_given_up_unproven()
    {
        var verdicts = await Bisection.SendAsync(
            Enumerable.Range(0, 1000).ToArray(),
            Answer(_ => Refusal(ErrorClass.Permanent, 100)),
            CancellationToken.None,
            mostRequests: 50
        );

        sent.Count.ShouldBe(50);
        var proven = Refused(verdicts.Where(verdict => verdict.Answer is MetaAnswer.Refused { Class: ErrorClass.Permanent }));
        proven.ShouldBe(sent.Where(batch => batch.Count == 1).Select(batch => batch[0]));
        verdicts.Count(verdict => verdict.Answer is MetaAnswer.Refused { Class: ErrorClass.Transient }).ShouldBe(1000 - proven.Count());
    }

    private Task<IReadOnlyList<Verdict<int>>> SendAsync(int count, int[] bad) =>
        Bisection.SendAsync(
            Enumerable.Range(0, count).ToArray(),
            Answer(batch => batch.Intersect(bad).Any() ? Refusal(ErrorClass.Permanent, 100) : Accepted(batch)),
            CancellationToken.None
        );

    private Func<IReadOnlyList<int>, CancellationToken, Task<MetaAnswer>> Answer(Func<IReadOnlyList<int>, MetaAnswer> answer) =>
        (batch, _) =>
        {
            sent.Add(batch);
            return Task.FromResult(answer(batch));
        };

    private static IEnumerable<int> Refused(IEnumerable<Verdict<int>> verdicts) =>
        verdicts.Where(verdict => verdict.Answer is MetaAnswer.Refused).Select(verdict => verdict.Event);

    private static MetaAnswer.Accepted Accepted(IReadOnlyList<int> batch) => new(batch.Count, null, [], 200, TimeSpan.Zero);

    private static MetaAnswer.Refused Refusal(ErrorClass errorClass, int code) =>
        new(errorClass, 400, code, null, "no", null, null, TimeSpan.Zero);
}
