using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Host;

namespace TrackAi.Benchmarks;

/// <summary>The whole program over a benchmark's database, in this process.</summary>
internal static class BenchHost
{
    public static Task<TrackAiApplication> BuildAsync(
        string connectionString,
        string metaUrl = "http://127.0.0.1:9",
        bool runDaemon = true,
        Transport? transport = null,
        bool isSending = true
    ) =>
        TrackAiApplication.BuildAsync(
            [],
            builder =>
            {
                builder.Configuration["ConnectionStrings:TrackAi"] = connectionString;
                builder.Configuration["Secrets:MasterKey"] = Convert.ToBase64String(SHA256.HashData("benchmark"u8));
                builder.Configuration["Meta:BaseUrl"] = metaUrl;
                builder.Configuration["EventStore:RunDaemon"] = $"{runDaemon}";
                builder.Configuration["Dispatch:RunWorker"] = $"{isSending}";
                foreach (var (key, value) in transport?.Settings ?? [])
                    builder.Configuration[key] = value;
                builder.Configuration["Urls"] = "http://127.0.0.1:0";
                builder.Logging.ClearProviders();
            }
        );

    /// <summary>Waits until the read models have all that is in the log.</summary>
    public static async Task CaughtUpAsync(TrackAiApplication application, CancellationToken cancellationToken)
    {
        var mark = await application.Services.GetRequiredService<PostgresEventStore>().ReadHighWaterMarkAsync(cancellationToken);
        foreach (var projection in application.Services.GetServices<IProjection>())
            await application
                .Services.GetRequiredService<ProjectionProgress>()
                .WaitForAsync(projection.Name, mark, TimeSpan.FromMinutes(30), cancellationToken);
    }

    public static async Task AddTenantsAsync(TrackAiApplication application, IReadOnlyCollection<string> slugs)
    {
        var tenants = application.Services.GetRequiredService<ITenantAdministration>();
        var known = (await tenants.ListAsync()).Select(tenant => tenant.Slug).ToHashSet();
        foreach (var slug in slugs.Where(slug => !known.Contains(slug)))
            await tenants.AddTenantAsync(slug, slug);
    }

    /// <summary>A tenant with a gateway and a pixel, and who delivers its sales.</summary>
    public static async Task<SignedSales> SellAsync(TrackAiApplication application, int connections)
    {
        await AddTenantsAsync(application, [SignedSales.Tenant]);
        var tenants = application.Services.GetRequiredService<ITenantAdministration>();
        await tenants.SetGatewaySecretAsync(SignedSales.Tenant, SignedSales.Gateway, SignedSales.Secret);
        await tenants.SetPixelAsync(SignedSales.Tenant, "123456789012345", "benchmark-token");
        return new SignedSales(new Uri(application.Web.Urls.First()), connections);
    }
}
