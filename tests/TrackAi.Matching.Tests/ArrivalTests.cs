using FsCheck;
using FsCheck.Fluent;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching.Tests;

/// <summary>
/// Small stories of one shop, drawn at random: clicks, checkouts, sales and second deliveries that share browsers, e-mails and tokens. Each is told in
/// several tenants: in two orders, and once more with Matching at work after every event. Another tenant has everybody's clicks and no sale's.
/// </summary>
public sealed class ArrivalTests(ArrivalTests.Told told) : IClassFixture<ArrivalTests.Told>
{
    private const int Stories = 100;

    [Fact]
    public async Task The_order_of_arrival_does_not_change_the_final_decision()
    {
        if (await told.SmallestAsync(story => !story.Final(Told.InOrder).SequenceEqual(story.Final(Told.Shuffled))) is { } story)
            story
                .Final(Told.InOrder)
                .ShouldBe(
                    story.Final(Told.Shuffled),
                    $"{story.Text}\n{string.Join('\n', story.Whole(Told.InOrder))}\n--\n{string.Join('\n', story.Whole(Told.Shuffled))}"
                );
        told.All.Count(story => story.Final(Told.InOrder).Any(decision => decision.StartsWith("matched", StringComparison.Ordinal)))
            .ShouldBeGreaterThan(20);
        told.All.Count(story => story.Decisions[Told.InOrder].Values.Any(decisions => decisions.Count > 1)).ShouldBeGreaterThan(20);
    }

    [Fact]
    public async Task A_log_that_was_held_back_gives_the_same_decisions_one_by_one()
    {
        if (await told.SmallestAsync(story => !story.Whole(Told.InOrder).SequenceEqual(story.Whole(Told.StepByStep))) is { } story)
            story.Whole(Told.InOrder).ShouldBe(story.Whole(Told.StepByStep), story.Text);
    }

    [Fact]
    public async Task What_fails_is_told_as_the_smallest_story_that_does()
    {
        var story = await told.SmallestAsync(story =>
            story.Final(Told.InOrder).Any(decision => decision.StartsWith("matched", StringComparison.Ordinal))
        );

        story!.Facts.Count.ShouldBeInRange(2, 3, story.Text);
        story.Facts.OfType<Fact.Sale>().ShouldHaveSingleItem();
        story.Facts.OfType<Fact.Click>().ShouldHaveSingleItem();
    }

    [Fact]
    public void A_replayed_log_gives_the_decisions_that_were_recorded()
    {
        told.Replayed.Count.ShouldBeGreaterThan(Stories * 6);
        foreach (var one in told.Replayed)
            one.Decided.Select(Text)
                .ShouldBe(
                    one.Recorded.Select(recorded => Text(recorded.Data)),
                    $"{one.Event.Sequence} {one.Event.Type} {one.Event.Stream} {string.Join(' ', one.Recorded.Select(later => later.Sequence))}"
                );
    }

    [Fact]
    public void No_click_after_the_sale_and_none_of_another_tenant_is_ever_chosen()
    {
        var all = told
            .All.SelectMany(story => story.Decisions)
            .SelectMany(tenant => tenant.Value.SelectMany(sale => sale.Value.Select(decision => (Tenant: tenant.Key, decision))))
            .ToArray();
        foreach (var (_, decision) in all)
        {
            var candidates = decision is ConversionMatched won ? won.Candidates : ((ConversionUnmatched)decision).Candidates;
            candidates.ShouldAllBe(candidate => !told.ForeignClicks.Contains(candidate.ClickId));
            if (decision is ConversionMatched matched)
                matched.ClickedAt.ShouldBeLessThanOrEqualTo(
                    Story.SoldAt + (matched.Rule == MatchRule.ClickToken ? Decision.TokenSkew : TimeSpan.FromMinutes(1))
                );
        }

        told.ForeignClicks.Count.ShouldBeGreaterThan(100);
    }

    private static readonly EventSerializer Serializer = new(EventTypes.All, EventTypes.Metadata);

    private static string Text(object decision) =>
        decision switch
        {
            ConversionMatched matched => System.Text.Encoding.UTF8.GetString(Serializer.Serialize(matched with { DecidedAt = default })),
            ConversionUnmatched unmatched => System.Text.Encoding.UTF8.GetString(
                Serializer.Serialize(unmatched with { DecidedAt = default })
            ),
            var other => other.ToString()!,
        };

    /// <summary>Something that happens in a story; numbers name browsers, people and clicks.</summary>
    public abstract record Fact
    {
        public sealed record Click(int Id, int Browser, int MinutesBefore) : Fact;

        public sealed record Checkout(int Id, int Buyer, int? Browser, int? ClickId) : Fact;

        public sealed record Sale(int Id, int Buyer, int? Browser, int? ClickId, int? OtherClickId) : Fact;

        public sealed record Again(int SaleId, int? Browser, int? ClickId, int? OtherClickId) : Fact;
    }

    public sealed class Story(int number, IReadOnlyList<Fact> facts, IReadOnlyList<Fact> shuffled)
    {
        // To the minute, as gateways tell it.
        public static readonly DateTimeOffset SoldAt = MatchingDatabase.Noon;

        private readonly Dictionary<int, string> tokens = [];

        public IReadOnlyList<Fact> Facts => facts;

        /// <summary>The same facts; a second delivery is still one of a sale that is there.</summary>
        public IReadOnlyList<Fact> Shuffled => shuffled;

        public string Text => $"story {number}: {string.Join("; ", facts)} | {string.Join("; ", shuffled)}";

        public Dictionary<string, Dictionary<string, IReadOnlyList<object>>> Decisions { get; } = [];

        /// <summary>The same with one fact left out, each in turn; with the sale go its later deliveries.</summary>
        public IEnumerable<Story> WithoutOne(Func<int> next) =>
            facts.Select(gone => new Story(next(), Without(facts, gone), Without(shuffled, gone)));

        public string Tenant(string way) => $"{way}-{number}";

        public string Token(int id) => tokens.TryGetValue(id, out var token) ? token : tokens[id] = ClickToken.New();

        public IReadOnlyList<string> Final(string way) =>
            [.. Decisions[way].OrderBy(sale => sale.Key, StringComparer.Ordinal).Select(sale => Told(sale.Value[^1]))];

        public IReadOnlyList<string> Whole(string way) =>
            [.. Decisions[way].OrderBy(sale => sale.Key, StringComparer.Ordinal).SelectMany(sale => sale.Value.Select(ArrivalTests.Text))];

        private static IReadOnlyList<Fact> Without(IReadOnlyList<Fact> of, Fact gone) =>
            [.. of.Where(fact => fact != gone && !(gone is Fact.Sale sale && fact is Fact.Again again && again.SaleId == sale.Id))];

        private string Told(object decision) =>
            decision is ConversionMatched matched
                ? $"matched {matched.ConversionId} click {tokens.Single(token => token.Value == matched.ClickId).Key} {matched.Rule}"
                : $"unmatched {((ConversionUnmatched)decision).ConversionId}";
    }

    public sealed class Told : IAsyncLifetime
    {
        public const string InOrder = "ordered";
        public const string Shuffled = "shuffled";
        public const string StepByStep = "steps";

        private readonly MatchingDatabase database = new();
        private int stories = Stories;

        public IReadOnlyList<Story> All { get; } =
        [.. Gen.Sample(StoryGen(), Stories).Select((facts, number) => new Story(number, facts.InOrder, facts.Shuffled))];

        public HashSet<string> ForeignClicks { get; } = new(StringComparer.Ordinal);

        public IReadOnlyList<Replayed> Replayed { get; private set; } = [];

        public async ValueTask InitializeAsync()
        {
            await database.InitializeAsync();
            // Everybody's browsers and e-mails, at somebody else's shop.
            for (var browser = 0; browser < 3; browser++)
            for (var more = 0; more < 40; more++)
                ForeignClicks.Add(await database.ClickAsync(new Person { Fbp = Fbp(browser), Email = Email(browser) }, tenant: "foreign"));
            await TellAsync(All);
            Replayed = [.. (await database.ReplayAsync()).Where(one => one.Handler == MatchConversions.ShardName)];
        }

        public ValueTask DisposeAsync() => database.DisposeAsync();

        /// <summary>The smallest story that fails: of one that does, facts are left out one by one as long as it still fails.</summary>
        public async Task<Story?> SmallestAsync(Func<Story, bool> fails)
        {
            var smallest = All.FirstOrDefault(fails);
            for (var smaller = smallest; smaller is not null; )
            {
                smallest = smaller;
                Story[] fewer = [.. smallest.WithoutOne(() => Interlocked.Increment(ref stories))];
                await TellAsync(fewer);
                smaller = fewer.FirstOrDefault(fails);
            }

            return smallest;
        }

        private async Task TellAsync(IReadOnlyList<Story> some)
        {
            foreach (var story in some)
            {
                foreach (var fact in story.Facts)
                    await TellAsync(story, InOrder, fact);
                foreach (var fact in story.Shuffled)
                    await TellAsync(story, Shuffled, fact);
            }

            for (var step = 0; step < some.Max(story => story.Facts.Count); step++)
            {
                foreach (var story in some.Where(story => story.Facts.Count > step))
                    await TellAsync(story, StepByStep, story.Facts[step]);
                await database.MatchAsync();
            }

            foreach (var story in some)
            foreach (var way in (string[])[InOrder, Shuffled, StepByStep])
            {
                story.Decisions[way] = [];
                foreach (var sale in story.Facts.OfType<Fact.Sale>())
                    story.Decisions[way][$"{sale.Id}"] = await database.DecisionsAsync(SaleOf(story, way, sale.Id));
            }
        }

        private async Task TellAsync(Story story, string way, Fact fact)
        {
            var tenant = story.Tenant(way);
            switch (fact)
            {
                case Fact.Click click:
                    await database.ClickAsync(
                        new Person { Fbp = Fbp(click.Browser) },
                        Story.SoldAt.AddMinutes(-click.MinutesBefore),
                        tenant,
                        story.Token(click.Id)
                    );
                    break;
                case Fact.Checkout checkout:
                    await database.CheckoutAsync(
                        PersonOf(checkout.Buyer, checkout.Browser),
                        TokenOf(story, checkout.ClickId),
                        tenant,
                        new Guid(checkout.Id, 0, 0, new byte[8])
                    );
                    break;
                case Fact.Sale sale:
                    await database.SaleAsync(
                        PersonOf(sale.Buyer, sale.Browser),
                        TokenOf(story, sale.ClickId),
                        Story.SoldAt,
                        tenant,
                        orderId: $"{sale.Id}",
                        state: PaymentState.Pending,
                        otherClickId: TokenOf(story, sale.OtherClickId)
                    );
                    break;
                case Fact.Again again:
                    await database.DeliverAgainAsync(
                        SaleOf(story, way, again.SaleId),
                        again.Browser is { } browser ? new Person { Fbp = Fbp(browser) } : null,
                        TokenOf(story, again.ClickId),
                        otherClickId: TokenOf(story, again.OtherClickId)
                    );
                    break;
            }
        }

        private static StreamId SaleOf(Story story, string way, int id) => new(story.Tenant(way), $"conversion-perfectpay-{id}");

        private static string? TokenOf(Story story, int? click) => click is { } id ? story.Token(id) : null;

        private static string Fbp(int browser) => $"fb.1.1793890500123.300000000{browser}";

        private static string Email(int buyer) => $"buyer{buyer}@example.com";

        private static Person PersonOf(int buyer, int? browser) =>
            new() { Email = Email(buyer), Fbp = browser is { } known ? Fbp(known) : null };

        private static Gen<(IReadOnlyList<Fact> InOrder, IReadOnlyList<Fact> Shuffled)> StoryGen()
        {
            var number = Gen.Choose(0, 2);
            var maybe = Gen.Frequency((2, number.Select(value => (int?)value)), (3, Gen.Constant((int?)null)));
            // Some after the sale, some before any window, most between.
            var before = Gen.Frequency((1, Gen.Choose(-300, -2)), (6, Gen.Choose(1, 9_000)), (1, Gen.Choose(11_000, 20_000)));
            var click = from browser in number from minutes in before select (Func<int, Fact>)(id => new Fact.Click(id, browser, minutes));
            var checkout =
                from buyer in number
                from browser in maybe
                from known in maybe
                select (Func<int, Fact>)(id => new Fact.Checkout(id, buyer, browser, known));
            var sale =
                from buyer in number
                from browser in maybe
                from known in maybe
                from other in maybe
                select (Func<int, Fact>)(id => new Fact.Sale(id, buyer, browser, known, known is null ? null : other));
            return from clicks in click.ListOf(3)
                from checkouts in Gen.Choose(0, 2).SelectMany(count => checkout.ListOf(count))
                from sales in Gen.Choose(1, 2).SelectMany(count => sale.ListOf(count))
                from again in Gen.Choose(0, 1)
                from browser in maybe
                from known in maybe
                from knownToo in maybe
                let facts = (Fact[])
                    [
                        .. clicks.Select((make, id) => make(id)),
                        .. checkouts.Select((make, id) => make(id)),
                        .. sales.Select((make, id) => make(id)),
                        .. again == 1 ? (Fact[])[new Fact.Again(0, browser, known, known is null ? null : knownToo)] : [],
                    ]
                from one in Gen.Shuffle(facts)
                from other in Gen.Shuffle(facts)
                select (Possible(one), Possible(other));
        }

        // A later delivery is of a sale that is there.
        private static IReadOnlyList<Fact> Possible(IReadOnlyList<Fact> facts) =>
            [
                .. facts.Where(fact => fact is not Fact.Again).TakeWhile(fact => fact is not Fact.Sale { Id: 0 }),
                .. facts.OfType<Fact.Sale>().Where(sale => sale.Id == 0),
                .. facts
                    .SkipWhile(fact => fact is not Fact.Sale { Id: 0 })
                    .Where(fact => fact is not Fact.Sale { Id: 0 } and not Fact.Again)
                    .Take(1),
                .. facts.OfType<Fact.Again>(),
                .. facts
                    .SkipWhile(fact => fact is not Fact.Sale { Id: 0 })
                    .Where(fact => fact is not Fact.Sale { Id: 0 } and not Fact.Again)
                    .Skip(1),
            ];
    }
}
