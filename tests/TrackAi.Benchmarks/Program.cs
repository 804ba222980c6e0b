using System.CommandLine;
using TrackAi.Benchmarks;
using TrackAi.PrivateCluster;

var seconds = new Option<double>("--seconds") { Description = "How long each measurement takes.", DefaultValueFactory = _ => 5 };
var workers = new Option<int[]>("--workers")
{
    Description = "Numbers of workers.",
    DefaultValueFactory = _ => [1, 8, 32, 64],
    AllowMultipleArgumentsPerToken = true,
};
var append = new Command("append", "Appends beside one statement per append straight on Npgsql.") { seconds, workers };
append.SetAction(
    async (parsed, cancellationToken) =>
    {
        await using var cluster = await PrivateCluster.StartOrAttachAsync(
            new PrivateClusterOptions
            {
                DataDirectory = Path.Combine(Environment.GetEnvironmentVariable("TRACKAI_DATA_DIR") ?? ".trackai", "bench"),
            },
            cancellationToken
        );
        await AppendBenchmark.RunAsync(cluster.ConnectionString, TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(workers)!);
    }
);
var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 64 };
var rate = new Option<int>("--rate") { Description = "Webhooks per second of the paced part.", DefaultValueFactory = _ => 500 };
var webhooks = new Command("webhooks", "Signed sales through HTTP to a stand-in for Meta.") { seconds, connections, rate };
webhooks.SetAction(
    async (parsed, cancellationToken) =>
    {
        await using var cluster = await PrivateCluster.StartOrAttachAsync(
            new PrivateClusterOptions
            {
                DataDirectory = Path.Combine(Environment.GetEnvironmentVariable("TRACKAI_DATA_DIR") ?? ".trackai", "bench"),
            },
            cancellationToken
        );
        await WebhookBenchmark.RunAsync(
            cluster.ConnectionString,
            TimeSpan.FromSeconds(parsed.GetValue(seconds)),
            parsed.GetValue(connections),
            parsed.GetValue(rate)
        );
    }
);
var messages = new Option<int>("--messages") { Description = "Sales that wait.", DefaultValueFactory = _ => 50_000 };
var pixels = new Option<int>("--pixels") { Description = "Pixels they go to.", DefaultValueFactory = _ => 10 };
var transport = new Option<string>("--transport") { Description = "postgres or sqs.", DefaultValueFactory = _ => "postgres" };
var dispatch = new Command("dispatch", "From the queue to Meta's acknowledgement, Meta taking 50 ms.") { messages, pixels, transport };
dispatch.SetAction(
    async (parsed, cancellationToken) =>
    {
        await using var cluster = await PrivateCluster.StartOrAttachAsync(
            new PrivateClusterOptions
            {
                DataDirectory = Path.Combine(Environment.GetEnvironmentVariable("TRACKAI_DATA_DIR") ?? ".trackai", "bench"),
            },
            cancellationToken
        );
        await DispatchBenchmark.RunAsync(
            cluster.ConnectionString,
            parsed.GetValue(messages),
            parsed.GetValue(pixels),
            parsed.GetValue(transport)!
        );
    }
);
var through = new Option<int>("--messages") { Description = "Messages that go through.", DefaultValueFactory = _ => 1_000_000 };
var queue = new Command("queue", "The queue's table alone: what it leaves behind on disk.") { through };
queue.SetAction(
    async (parsed, cancellationToken) =>
    {
        await using var cluster = await PrivateCluster.StartOrAttachAsync(
            new PrivateClusterOptions
            {
                DataDirectory = Path.Combine(Environment.GetEnvironmentVariable("TRACKAI_DATA_DIR") ?? ".trackai", "bench"),
            },
            cancellationToken
        );
        await DispatchBenchmark.QueueAsync(cluster.ConnectionString, parsed.GetValue(through));
    }
);
var paced = new Option<int>("--rate") { Description = "The others' sales per second.", DefaultValueFactory = _ => 100 };
var backlog = new Option<int>("--backlog") { Description = "What the ill pixel has to send.", DefaultValueFactory = _ => 20_000 };
var fairness = new Command("fairness", "Others' sales beside a pixel that never answers.") { seconds, paced, backlog, transport };
fairness.SetAction(
    async (parsed, cancellationToken) =>
    {
        await using var cluster = await PrivateCluster.StartOrAttachAsync(
            new PrivateClusterOptions
            {
                DataDirectory = Path.Combine(Environment.GetEnvironmentVariable("TRACKAI_DATA_DIR") ?? ".trackai", "bench"),
            },
            cancellationToken
        );
        await DispatchBenchmark.FairnessAsync(
            cluster.ConnectionString,
            TimeSpan.FromSeconds(parsed.GetValue(seconds)),
            parsed.GetValue(paced),
            parsed.GetValue(backlog),
            parsed.GetValue(transport)!
        );
    }
);
return await new RootCommand("Benchmarks: durable Postgres, everything on this machine. Machines are noisy: compare ratios of one run.")
{
    append,
    webhooks,
    dispatch,
    fairness,
    queue,
}
    .Parse(args)
    .InvokeAsync();
