using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using TrackAi.Contracts;
using TrackAi.Host.CommandLine;

namespace TrackAi.Host.Http;

/// <summary>The probe of the command line, from inside the host that is probed.</summary>
internal sealed class HostProbes(IServiceProvider services, IServer server) : IProbes
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public async IAsyncEnumerable<ProbeStep> RunAsync(
        string tenant,
        string funnel,
        string? segment,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ProbedFunnel probed;
        try
        {
            probed = await ProbeCommand.FindAsync(services, funnel, tenant, cancellationToken);
        }
        catch (CommandFailedException exception)
        {
            throw new TenantChangeRefusedException(TenantRefusal.NotFound, "funnel", exception.Message);
        }

        using var probe = new Probe(services, probed with { Segment = segment }, OwnAddress(), Patience);
        await foreach (var step in probe.RunAsync(cancellationToken))
            yield return step;
    }

    // A host that listens everywhere is asked on this machine.
    private string OwnAddress()
    {
        var address = server.Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return address
            .Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal)
            .Replace("[::]", "[::1]", StringComparison.Ordinal)
            .Replace("//+", "//127.0.0.1", StringComparison.Ordinal)
            .Replace("//*", "//127.0.0.1", StringComparison.Ordinal);
    }
}
