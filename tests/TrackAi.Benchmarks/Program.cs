using System.CommandLine;
using TrackAi.Benchmarks;

Command[] measurements =
[
    AppendBenchmark.Verb(),
    LoadBenchmark.Verb(),
    ImportBenchmark.Verb(),
    RebuildBenchmark.Verb(),
    QueryBenchmark.Verb(),
    WebhookBenchmark.Verb(),
    MatchingBenchmark.Verb(),
    DispatchVerbs.Dispatch(),
    DispatchVerbs.Fairness(),
    DispatchVerbs.Queue(),
];
var root = new RootCommand(
    "Benchmarks: durable Postgres, everything on this machine. Machines are noisy: compare ratios of one run. Without a verb all of them run, over a log of 1 million events."
)
{
    GenerateVerb.Verb(),
};
foreach (var measurement in measurements)
    root.Add(measurement);
root.SetAction(
    async (_, cancellationToken) =>
    {
        foreach (var measurement in measurements)
        {
            Console.WriteLine($"\n== {measurement.Name}: {measurement.Description}");
            string[] one = measurement.Name == "queries" ? ["queries", "--events", "1000000"] : [measurement.Name];
            if (await root.Parse(one).InvokeAsync(cancellationToken: cancellationToken) is var failed and not 0)
                return failed;
        }

        return 0;
    }
);
return await root.Parse(args).InvokeAsync();
