using System.CommandLine;
using TrackAi.Benchmarks;

return await new RootCommand("Benchmarks: durable Postgres, everything on this machine. Machines are noisy: compare ratios of one run.")
{
    AppendBenchmark.Verb(),
    ImportBenchmark.Verb(),
    RebuildBenchmark.Verb(),
    GenerateVerb.Verb(),
    WebhookBenchmark.Verb(),
}
    .Parse(args)
    .InvokeAsync();
