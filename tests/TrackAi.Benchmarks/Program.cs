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
return await new RootCommand("Benchmarks: durable Postgres, everything on this machine. Machines are noisy: compare ratios of one run.")
{
    append,
}
    .Parse(args)
    .InvokeAsync();
