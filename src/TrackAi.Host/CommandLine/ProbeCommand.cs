using System.CommandLine;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>probe FUNNEL</c>: a marked click and a marked sale through a running host; says at which step an identifier was lost.</summary>
internal static class ProbeCommand
{
    public static Command Create()
    {
        var funnel = new Argument<string>("FUNNEL") { Description = "The funnel's id." };
        var tenant = new Option<string?>("--tenant") { Description = "Its tenant; needed where several have a funnel of this id." };
        var url = new Option<string?>("--url") { Description = "The host; PublicUrl of the configuration when left out." };
        url.MustBeAnAddress();
        var segment = new Option<string?>("--segment")
        {
            Description = "The secret segment that the gateway's webhook URL ends with, where it asks for one.",
        };
        var timeout = new Option<int>("--timeout") { Description = "Seconds to wait for each step.", DefaultValueFactory = _ => 30 };
        var probe = new Verb(
            "probe",
            "Send a test click and a test sale of a funnel through a running host and say what became of each identifier. The sale is marked as a test "
                + "and ends before Meta. Exit code 1 when something was lost.",
            "probe hotmart --tenant loja-001 --url https://track.example"
        )
        {
            funnel,
            tenant,
            url,
            segment,
            timeout,
        };
        probe.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var application = await Session.StartBesideAsync(cancellationToken);
                var configuration = application.Services.GetRequiredService<IConfiguration>();
                var host = (parsed.GetValue(url) ?? Session.PublicUrl(configuration)).TrimEnd('/');
                var probed = await FindAsync(application.Services, parsed.GetValue(funnel)!, parsed.GetValue(tenant), cancellationToken);
                using var test = new Probe(
                    application.Services,
                    probed with
                    {
                        Segment = parsed.GetValue(segment),
                    },
                    host,
                    TimeSpan.FromSeconds(parsed.GetValue(timeout))
                );
                var steps = new List<ProbeStep>();
                await foreach (var step in test.RunAsync(cancellationToken))
                {
                    steps.Add(step);
                    if (!parsed.GetValue(Session.Json))
                        Console.WriteLine($"{(step.Ok ? "ok  " : "LOST")}  {step.Name}: {step.Found}");
                }

                if (parsed.GetValue(Session.Json))
                    Session.Print(parsed, steps, _ => { });
                return steps.TrueForAll(step => step.Ok) ? 0 : 1;
            }
        );
        return probe;
    }

    public static async Task<ProbedFunnel> FindAsync(
        IServiceProvider services,
        string funnel,
        string? tenant,
        CancellationToken cancellationToken
    )
    {
        var tenants = services.GetRequiredService<ITenantAdministration>();
        var slugs = tenant is null ? (await tenants.ListAsync(cancellationToken)).Select(one => one.Slug) : [tenant];
        var found = new List<ProbedFunnel>();
        foreach (var slug in slugs)
        {
            var details = await tenants.ShowAsync(slug, cancellationToken);
            if (details.Funnels.FirstOrDefault(one => one.FunnelId == funnel) is not { } known)
                continue;
            // A funnel of any gateway is probed by the first there is a secret of.
            var gateway = known.Gateway ?? details.Connections.FirstOrDefault(one => one.SecretSetAt is not null)?.Gateway;
            found.Add(new ProbedFunnel(slug, funnel, gateway ?? "none", known.ProductId, details.Tenant.Origins));
        }

        return found switch
        {
            [var one] => one,
            [] => throw new CommandFailedException(
                $"there is no funnel '{funnel}'{(tenant is null ? "" : $" of tenant {tenant}")}; see 'funnels list TENANT'."
            ),
            _ => throw new CommandFailedException(
                $"several tenants have a funnel '{funnel}': give --tenant, one of {string.Join(", ", found.Select(one => one.Tenant))}."
            ),
        };
    }
}

/// <param name="Gateway">The one whose webhook is tried.</param>
internal sealed record ProbedFunnel(string Tenant, string Funnel, string Gateway, string? Product, IReadOnlyList<string> Origins)
{
    /// <summary>What its webhook URL ends with beside the tenant; null for nothing.</summary>
    public string? Segment { get; init; }
}
