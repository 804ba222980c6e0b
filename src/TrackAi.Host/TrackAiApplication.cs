using System.Text;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using TrackAi.Analytics;
using TrackAi.Contracts;
using TrackAi.Dashboard;
using TrackAi.Dispatch;
using TrackAi.EventStore;
using TrackAi.Gateways;
using TrackAi.Gateways.Hotmart;
using TrackAi.Gateways.Kiwify;
using TrackAi.Gateways.PerfectPay;
using TrackAi.Gateways.Stripe;
using TrackAi.Host.Flags;
using TrackAi.Host.Http;
using TrackAi.Matching;
using TrackAi.Privacy;
using TrackAi.Tenancy;
using TrackAi.Tracking;

namespace TrackAi.Host;

/// <summary>The whole system, put together. Everything that TrackAi is made of is named here.</summary>
internal sealed class TrackAiApplication : IAsyncDisposable
{
    /// <summary>The gateways a tenant may be connected to.</summary>
    public static readonly IReadOnlyList<string> GatewayNames = ["hotmart", "kiwify", "perfectpay", "stripe"];

    private readonly Installation installation;
    private bool started;

    private TrackAiApplication(WebApplication web, Installation installation) => (Web, this.installation) = (web, installation);

    public WebApplication Web { get; }

    public IServiceProvider Services => Web.Services;

    /// <summary>Puts it together without starting it. A private Postgres cluster is started or joined when no connection string is configured.</summary>
    public static async Task<TrackAiApplication> BuildAsync(
        string[] args,
        Action<WebApplicationBuilder>? configure = null,
        CancellationToken cancellationToken = default
    )
    {
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions
            {
                Args = args,
                ContentRootPath = AppContext.BaseDirectory,
                ApplicationName = "TrackAi.Host",
            }
        );
        configure?.Invoke(builder);
        var installation = await Installation.OpenAsync(builder, cancellationToken);
        try
        {
            AddModules(builder, installation);
            var web = builder.Build();
            MapModules(web);
            return new TrackAiApplication(web, installation);
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    /// <summary>Brings the schema up to date; where that is left to <c>db apply</c>, only sees to it that it is.</summary>
    public Task PrepareSchemaAsync(CancellationToken cancellationToken)
    {
        var migrator = Services.GetRequiredService<SchemaMigrator>();
        return Web.Configuration.GetValue("Database:AutoApply", true)
            ? migrator.ApplyAsync(cancellationToken)
            : migrator.RequireAsync(cancellationToken);
    }

    /// <summary>Prepares the schema and starts to serve.</summary>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        ValidateConfiguration();
        ListenAddresses.Check(Web.Configuration["Urls"]);
        Services.GetRequiredService<Telemetry>();
        await PrepareSchemaAsync(cancellationToken);
        if (Services.GetRequiredService<IMasterKeys>().Problem() is { } problem)
            throw new InvalidOperationException(problem);
        await Web.StartAsync(cancellationToken);
        started = true;
    }

    /// <summary>Finishes what is under way, then lets go of everything.</summary>
    public async ValueTask DisposeAsync()
    {
        if (started)
            await Web.StopAsync();
        else
            // What was begun before the start failed ends as at any stop, instead of being reported as broken off.
            Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        await Web.DisposeAsync();
        await installation.DisposeAsync();
    }

    // Whoever reads the options first meets their errors; here they are met before anything runs.
    public void ValidateConfiguration()
    {
        Services.GetService<IStartupValidator>()?.Validate();
        _ = Services.GetRequiredService<DispatchOptions>();
        _ = Services.GetRequiredService<SqsOptions>();
        _ = Services.GetRequiredService<IOptions<ForwardedHeadersOptions>>().Value;
    }

    private static void AddModules(WebApplicationBuilder builder, Installation installation)
    {
        builder.Services.AddSingleton<Ids>();
        builder.Services.AddEventStore(_ => installation.ConnectionString, EventTypes.All, EventTypes.Metadata);
        builder.Services.AddPrivacy();
        builder.Services.AddTenancy(GatewayNames);
        builder.Services.AddTracking();
        builder.Services.AddGateways();
        builder.Services.AddGateway<HotmartGateway>();
        builder.Services.AddGateway<KiwifyGateway>();
        builder.Services.AddGateway<PerfectPayGateway>();
        builder.Services.AddGateway<StripeGateway>();
        builder.Services.AddMatching();
        builder.Services.AddDispatch();
        builder.Services.AddAnalytics();
        builder.Services.AddDashboard();
        builder.Services.AddFlags();
        builder.Services.AddSingleton<IProbes, HostProbes>();

        builder.Services.AddSingleton<Telemetry>();
        builder.Services.AddHealth();
        builder.Services.AddProblems();
        builder.Services.AddOpenApi();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Services.Configure<ForwardedHeadersOptions>(forwarded => TrustProxies(forwarded, builder.Configuration));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // A phone's name or a referrer in Latin-1 costs a letter, not the visit: left to itself, Kestrel refuses the whole request.
            kestrel.RequestHeaderEncodingSelector = static _ => Encoding.UTF8;
        });
        if (string.IsNullOrEmpty(builder.Configuration["Urls"]))
            builder.WebHost.UseUrls("http://127.0.0.1:3001");
    }

    private static void MapModules(WebApplication web)
    {
        web.UseForwardedHeaders();
        web.UseProblems();
        web.UseDashboard();
        web.MapOpenApi();
        web.MapHealth();
        web.MapTenancy();
        web.MapTracking();
        web.MapGateways();
        web.MapDispatch();
        web.MapAnalytics();
        web.MapDashboard();
    }

    // The address of a visitor or a gateway is taken from X-Forwarded-For only when one of our own proxies says so.
    private static void TrustProxies(ForwardedHeadersOptions forwarded, ConfigurationManager configuration)
    {
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        var proxies =
            configuration.GetSection("TrustedProxies").Get<string[]>()
            ?? configuration["TrustedProxies"]?.Split(',', StringSplitOptions.TrimEntries)
            ?? [];
        foreach (var proxy in proxies.Where(proxy => proxy.Length > 0))
        {
            var network = proxy.Contains('/', StringComparison.Ordinal)
                ? proxy
                : $"{proxy}/{(proxy.Contains(':', StringComparison.Ordinal) ? 128 : 32)}";
            if (!System.Net.IPNetwork.TryParse(network, out var known))
                throw new InvalidOperationException($"TrustedProxies: '{proxy}' is neither an address nor a network such as 10.0.0.0/8.");
            forwarded.KnownIPNetworks.Add(known);
        }

        // Without any of ours the middleware would believe everybody.
        if (forwarded.KnownIPNetworks.Count > 0)
            forwarded.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
        // Each hop is checked, so a chain of ours is followed to its end.
        forwarded.ForwardLimit = null;
    }
}
