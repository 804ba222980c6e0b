using System.CommandLine;

namespace TrackAi.Benchmarks;

/// <summary>What <see cref="DispatchBenchmark"/> measures, as verbs.</summary>
internal static class DispatchVerbs
{
    public static Command Dispatch()
    {
        var messages = new Option<int>("--messages") { Description = "Sales that wait.", DefaultValueFactory = _ => 50_000 };
        var pixels = new Option<int>("--pixels") { Description = "Pixels they go to.", DefaultValueFactory = _ => 10 };
        var transport = Transport.Option();
        var verb = new Command("dispatch", "From the queue to Meta's acknowledgement, Meta taking 50 ms.") { messages, pixels, transport };
        verb.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var cluster = await BenchDatabase.ClusterAsync(cancellationToken);
                await DispatchBenchmark.RunAsync(
                    cluster.ConnectionString,
                    parsed.GetValue(messages),
                    parsed.GetValue(pixels),
                    parsed.GetValue(transport)!
                );
            }
        );
        return verb;
    }

    public static Command Fairness()
    {
        var seconds = Options.Seconds();
        var rate = new Option<int>("--rate") { Description = "The others' sales per second.", DefaultValueFactory = _ => 100 };
        var backlog = new Option<int>("--backlog") { Description = "What the ill pixel has to send.", DefaultValueFactory = _ => 20_000 };
        var transport = Transport.Option();
        var verb = new Command("fairness", "Others' sales beside a pixel that never answers.") { seconds, rate, backlog, transport };
        verb.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var cluster = await BenchDatabase.ClusterAsync(cancellationToken);
                await DispatchBenchmark.FairnessAsync(
                    cluster.ConnectionString,
                    TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                    parsed.GetValue(rate),
                    parsed.GetValue(backlog),
                    parsed.GetValue(transport)!
                );
            }
        );
        return verb;
    }

    public static Command Queue()
    {
        var messages = new Option<int>("--messages") { Description = "Messages that go through.", DefaultValueFactory = _ => 1_000_000 };
        var verb = new Command("queue", "The queue's table alone: what it leaves behind on disk.") { messages };
        verb.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var cluster = await BenchDatabase.ClusterAsync(cancellationToken);
                await DispatchBenchmark.QueueAsync(cluster.ConnectionString, parsed.GetValue(messages));
            }
        );
        return verb;
    }
}
