using System.CommandLine;
using TrackAi.Testing;

namespace TrackAi.Benchmarks;

/// <summary>What brings sales to those who send them: Postgres itself, or SQS, of which a stand-in runs for as long as it is needed.</summary>
internal sealed class Transport : IAsyncDisposable
{
    public const string Postgres = "postgres";
    public const string Sqs = "sqs";

    private readonly SqsServer? sqs;

    private Transport(string name, SqsServer? sqs) => (Name, this.sqs) = (name, sqs);

    public string Name { get; }

    public IEnumerable<KeyValuePair<string, string?>> Settings =>
        [new("Dispatch:Transport", Name), new("Sqs:ServiceUrl", sqs?.Url), new("Sqs:Region", "us-east-1")];

    public static Option<string> Option()
    {
        var transport = new Option<string>("--transport") { Description = "postgres or sqs.", DefaultValueFactory = _ => Postgres };
        transport.AcceptOnlyFromAmong(Postgres, Sqs);
        return transport;
    }

    public static async Task<Transport> StartAsync(string name)
    {
        if (name == Postgres)
            return new(name, null);
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anybody");
        var server = new SqsServer();
        await server.InitializeAsync();
        return new(name, server);
    }

    public async ValueTask DisposeAsync()
    {
        if (sqs is not null)
            await sqs.DisposeAsync();
    }
}
