using TrackAi.Demo;
using Xunit;

namespace TrackAi.Testing;

/// <summary>A stand-in for SQS, to be stopped and started again.</summary>
public sealed class SqsServer : IAsyncLifetime
{
    private readonly SqsStandIn standIn = new(Path.Combine(PostgresServer.RepositoryRoot(), "tests", "TrackAi.Testing", "Sqs"));

    public string Url => standIn.Url;

    public async ValueTask InitializeAsync() => await StartAsync();

    public Task StartAsync() => standIn.StartAsync();

    /// <summary>Everything in it is gone with it.</summary>
    public Task StopAsync() => standIn.KillAsync();

    public ValueTask DisposeAsync() => standIn.DisposeAsync();
}
