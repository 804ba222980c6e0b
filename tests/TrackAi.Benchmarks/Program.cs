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
return await new RootCommand("Benchmarks: durable Postgres, everything on this machine. Machines are noisy: compare ratios of one run.")
{
    append,
    webhooks,
}
    .Parse(args)
    .InvokeAsync();
