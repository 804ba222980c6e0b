using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Host;
using TrackAi.MetaStandIn;

namespace TrackAi.Demo;

/// <summary>Starts everything, lets people click and buy through the real HTTP endpoints, and compares what arrived at Meta with what had to.</summary>
internal static class DemoRun
{
    public const string Tenant = "test-tenant-001";
    public const string Funnel = "test-funnel-001";
    public const string PixelId = "123456789012345";
    private const string Person = "demo@trackai.example";

    // A demo on loopback has nothing to hide; a real one never has a secret in its code.
    public const string PerfectPayToken = "demo0perfectpay0token00000000001";
    public const string Hottok = "demo-hottok-0000000001";
    public const string KiwifyToken = "demo-kiwify-token-01";
    public const string StripeSecret = "whsec_demo0000000000000000000001";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(string directory, bool exit, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        var urls = Environment.GetEnvironmentVariable("Urls") is { Length: > 0 } set ? set : "http://127.0.0.1:3001";
        RefuseIfTaken(urls);
        Say($"starting a stand-in for Meta, a private Postgres in {directory} and the host on {urls}");
        await using var meta = await MetaStandInServer.StartAsync(
            new MetaStandInOptions { LedgerFile = Path.Combine(directory, "meta.jsonl") },
            cancellationToken
        );
        await using var application = await TrackAiApplication.BuildAsync(
            [],
            builder => Configure(builder, directory, urls, meta.BaseUrl),
            cancellationToken
        );
        await application.StartAsync(cancellationToken);
        var url = application.Web.Urls.First();
        await SeedAsync(application.Services.GetRequiredService<ITenantAdministration>(), cancellationToken);

        var ledger = new Ledger(application.Services, meta);
        await ledger.FinishEarlierRunsAsync(Patience, cancellationToken);

        Say("people click and buy");
        using var shop = new Shop(url, application.Services.GetRequiredService<TimeProvider>());
        var stories = Story.All(shop, new OtherGateways(shop, application.Services.GetRequiredService<TimeProvider>()));
        foreach (var story in stories)
            await story.PlayAsync(cancellationToken);

        await ledger.WaitForAsync(stories, Patience, cancellationToken);
        var problems = await ledger.PrintAsync(stories, cancellationToken);
        await PrintReadModelsAsync(application.Services, cancellationToken);
        Say(problems == 0 ? "everything expected arrived at Meta, once" : $"{problems} expectations were not met");
        if (exit)
            return problems == 0 ? 0 : 1;

        await InviteAsync(application.Services, url, meta.BaseUrl, cancellationToken);
        await application.Web.WaitForShutdownAsync(cancellationToken);
        return problems == 0 ? 0 : 1;
    }

    // Said before anything is started, and without the host's own dismay.
    private static void RefuseIfTaken(string urls)
    {
        var address = BindingAddress.Parse(urls.Split(';')[0]);
        if (!IPAddress.TryParse(address.Host, out var host))
            return;
        try
        {
            using var listener = new TcpListener(host, address.Port);
            listener.Start();
        }
        catch (SocketException exception)
        {
            throw new IOException(
                $"{urls} cannot be served ({exception.Message.ToLowerInvariant()}). Stop what serves there, or choose another address: Urls=http://127.0.0.1:3002 ./trackai demo",
                exception
            );
        }
    }

    public static void Say(string line) => Console.WriteLine($"demo: {line}");

    // Nothing that is configured for the product reaches the demo: it has a cluster and a master key of its own.
    private static void Configure(WebApplicationBuilder builder, string directory, string urls, string metaUrl)
    {
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
            {
                ["ConnectionStrings:TrackAi"] = "",
                ["Secrets:MasterKey"] = "",
                ["TRACKAI_DATA_DIR"] = directory,
                ["Urls"] = urls,
                ["Meta:BaseUrl"] = metaUrl,
                ["Dispatch:Transport"] = "postgres",
                ["Logging:Console:FormatterName"] = "simple",
                ["Logging:LogLevel:Default"] = "Warning",
                ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Warning",
            }
        );
        builder.Logging.ClearProviders();
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static async Task SeedAsync(ITenantAdministration tenants, CancellationToken cancellationToken)
    {
        if ((await tenants.ListAsync(cancellationToken)).All(tenant => tenant.Slug != Tenant))
        {
            await tenants.AddTenantAsync(Tenant, "MVP Test Account", cancellationToken: cancellationToken);
            await tenants.AddFunnelAsync(Tenant, Funnel, "Curso de violão", isDefault: true, cancellationToken: cancellationToken);
        }
        foreach (
            var (gateway, secret) in ((string, string)[])
                [("perfectpay", PerfectPayToken), ("hotmart", Hottok), ("kiwify", KiwifyToken), ("stripe", StripeSecret)]
        )
            await tenants.SetGatewaySecretAsync(Tenant, gateway, secret, cancellationToken: cancellationToken);
        await tenants.SetPixelAsync(Tenant, PixelId, "demo-access-token", cancellationToken: cancellationToken);
    }

    private static async Task PrintReadModelsAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var progress = services.GetRequiredService<ProjectionProgress>();
        var mark = await services.GetRequiredService<PostgresEventStore>().ReadHighWaterMarkAsync(cancellationToken);
        foreach (var projection in services.GetServices<IProjection>())
            await progress.WaitForAsync(projection.Name, mark, Patience, cancellationToken);
        await ReadModels.PrintAsync(services, cancellationToken);
    }

    // Another one at each run: nothing that is written down opens anything.
    private static async Task<string> SetPasswordAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var users = services.GetRequiredService<IUsers>();
        if ((await users.ListAsync(Tenant, cancellationToken)).All(user => user.Email != Person))
            await users.InviteAsync(Person, "Demo", Tenant, TenantRole.Owner, cancellationToken);
        var link = await users.ResetAsync(Person, cancellationToken);
        var password = string.Join(
            '-',
            Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetString("abcdefghjkmnpqrstuvwxyz23456789", 4))
        );
        await services.GetRequiredService<ISignIns>().SetPasswordAsync(link.Token, password, cancellationToken);
        return password;
    }

    private static async Task InviteAsync(IServiceProvider services, string url, string metaUrl, CancellationToken cancellationToken)
    {
        var key = await services.GetRequiredService<IApiKeys>().AddAsync(Tenant, "demo", cancellationToken: cancellationToken);
        var password = await SetPasswordAsync(services, cancellationToken);
        Console.WriteLine(
            $"""

            Up until Ctrl-C.
              dashboard   {url}/
              sign in as  {Person}   {password}
              health      {url}/health
              API         {url}/openapi/v1.json
              a report    curl -H 'x-api-key: {key.Key}' {url}/api/v1/analytics/dispatch-summary
              at Meta     {metaUrl}/__received
            """
        );
    }
}
