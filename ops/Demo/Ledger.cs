using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.MetaStandIn;

namespace TrackAi.Demo;

/// <summary>What the log promised, beside what Meta received: of this run, and of earlier ones that may have been killed half-way.</summary>
internal sealed class Ledger(IServiceProvider services, MetaStandInServer meta)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly PostgresEventStore store = services.GetRequiredService<PostgresEventStore>();
    private readonly TimeProvider time = services.GetRequiredService<TimeProvider>();

    /// <summary>Every sale that an earlier run had on disk reaches Meta too, under the id it had.</summary>
    public async Task FinishEarlierRunsAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        var promised = await PromisedAsync(cancellationToken);
        if (promised.Count == 0)
            return;
        var missing = promised.Count(promise => !HasArrived(promise));
        DemoRun.Say(
            $"{promised.Count} sales of earlier runs are on disk{(missing == 0 ? ", all of them at Meta" : $"; {missing} were not confirmed yet and are finished now")}"
        );
        await UntilAsync(async () => (await PromisedAsync(cancellationToken)).All(HasArrived), patience, cancellationToken);
    }

    public async Task WaitForAsync(IReadOnlyList<Story> stories, TimeSpan patience, CancellationToken cancellationToken) =>
        await UntilAsync(
            async () =>
            {
                foreach (var story in stories.Where(story => story.ExpectsPurchase))
                    if (!(await FactsAsync(story, cancellationToken)).OfType<DispatchSucceeded>().Any())
                        return false;
                return true;
            },
            patience,
            cancellationToken
        );

    /// <returns>How many expectations were not met.</returns>
    public async Task<int> PrintAsync(IReadOnlyList<Story> stories, CancellationToken cancellationToken)
    {
        var problems = 0;
        Console.WriteLine();
        foreach (var story in stories)
        {
            var facts = await FactsAsync(story, cancellationToken);
            var rule = facts.OfType<ConversionMatched>().FirstOrDefault()?.Rule.ToString();
            var arrived = ArrivedOf(story.Order);
            var isRight = story.Surprises == 0 && rule == story.ExpectedRule && arrived.Length == (story.ExpectsPurchase ? 1 : 0);
            problems += isRight ? 0 : 1;
            Console.WriteLine($"{(isRight ? "ok  " : "FAIL")}  {story.What}");
            Console.WriteLine($"        webhook {string.Join(", ", story.Answers)}; match {rule ?? "none"}; at Meta {Shown(arrived)}");
        }

        // Also of earlier runs: one sale has one event_id for ever.
        foreach (var order in (await PromisedAsync(cancellationToken)).Where(promise => ArrivedOf(promise.OrderId).Length != 1))
        {
            problems++;
            Console.WriteLine($"FAIL  order {order.OrderId} of an earlier run is at Meta under {ArrivedOf(order.OrderId).Length} ids");
        }

        Console.WriteLine(
            $"\nMeta received {meta.ReceivedCount} events in {meta.Requests} requests of this run; {meta.Duplicates} of them again under the same event_id."
        );
        return problems;
    }

    private static string Shown(ReceivedEvent[] arrived) =>
        arrived.Length == 0
            ? "nothing"
            : string.Join(
                "; ",
                arrived.Select(one =>
                    $"{one.EventName} {one.EventId} {one.Event.GetProperty("custom_data").GetProperty("value")} {one.Event.GetProperty("custom_data").GetProperty("currency")} ({one.Event.GetProperty("action_source")})"
                )
            );

    private ReceivedEvent[] ArrivedOf(string order) =>
        [.. meta.Received.Where(one => one.Event.GetProperty("custom_data").GetProperty("order_id").GetString() == order)];

    private bool HasArrived(ConversionReceived promise) => meta.Received.Any(one => one.EventId == promise.EventId.ToString());

    // Whatever was paid at some time has to be at Meta, but for renewals, which are not sent.
    private async Task<IReadOnlyList<ConversionReceived>> PromisedAsync(CancellationToken cancellationToken)
    {
        var (received, paid) = (
            new Dictionary<string, ConversionReceived>(StringComparer.Ordinal),
            new HashSet<string>(StringComparer.Ordinal)
        );
        await foreach (var recorded in store.ReadAllAsync(cancellationToken: cancellationToken))
        {
            if (recorded.Data is ConversionReceived { Kind: ConversionKind.Sale } first)
                received[first.ConversionId] = first;
            if (
                recorded.Data is ConversionReceived { State: PaymentState.Approved } or ConversionStateChanged { To: PaymentState.Approved }
            )
                paid.Add(recorded.Stream.Id);
        }

        return [.. received.Values.Where(conversion => paid.Contains(Streams.Conversion(conversion.ConversionId)))];
    }

    private async Task<IReadOnlyList<object>> FactsAsync(Story story, CancellationToken cancellationToken) =>
        [
            .. (
                await store.ReadStreamAsync(
                    new StreamId(DemoRun.Tenant, Streams.Conversion(Streams.ConversionId(story.Gateway, story.Order))),
                    cancellationToken
                )
            ).Select(recorded => recorded.Data),
        ];

    private async Task UntilAsync(Func<Task<bool>> condition, TimeSpan patience, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (!await condition() && time.GetElapsedTime(started) < patience)
            await Task.Delay(Pause, time, cancellationToken);
    }
}
