using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.Analytics.Tests;

/// <summary>The API on a port of its own, over the read models that the database's own host builds.</summary>
public sealed class ApiHost : AnalyticsDatabase
{
    /// <summary>Just before midnight in São Paulo.</summary>
    public static readonly DateTimeOffset Now = new(2025, 11, 21, 2, 59, 0, TimeSpan.Zero);

    private WebApplication? web;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        web = await StartAsync(new Dictionary<string, string?>(StringComparer.Ordinal));
    }

    /// <summary>A second one with settings of its own, and maybe connections of its own.</summary>
    public async Task<WebApplication> StartAsync(IReadOnlyDictionary<string, string?> settings, string? connectionString = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection(settings).AddInMemoryCollection([new("EventStore:RunDaemon", "false")]);
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole();
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<TimeProvider>(new ManualTime(Now));
        builder.Services.AddEventStore(_ => connectionString ?? ConnectionString, EventTypes.All, EventTypes.Metadata);
        builder.Services.AddSingleton<IApiKeys>(new KeysOfTests());
        builder.Services.AddSingleton<ITenantDirectory>(new TenantsOfTests());
        builder.Services.AddHttpClient();
        builder.Services.AddAnalytics();
        var application = builder.Build();
        application.MapAnalytics();
        await application.StartAsync();
        return application;
    }

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (web is not null)
        {
            await web.StopAsync();
            await web.DisposeAsync();
        }
        await base.DisposeAsync();
    }

    public IServiceProvider Services => web!.Services;

    public Task<Answer> GetAsync(string path, string? key) => GetAsync(web!, path, key);

    public static async Task<Answer> GetAsync(WebApplication web, string path, string? key)
    {
        using var client = web.Services.GetRequiredService<IHttpClientFactory>().CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{web.Urls.Single()}/api/v1/analytics/{path}");
        if (key is not null)
            request.Headers.Add("x-api-key", key);
        using var response = await client.SendAsync(request);
        return new Answer(
            response.StatusCode,
            response.Content.Headers.ContentType?.MediaType,
            JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement
        );
    }

    /// <summary>The key of a tenant.</summary>
    public static string KeyOf(string tenant) => $"key-of-{tenant}";

    private sealed class KeysOfTests : IApiKeys
    {
        public ValueTask<string?> FindTenantAsync(string key, string? scope = null, CancellationToken cancellationToken = default) =>
            new(key.StartsWith("key-of-", StringComparison.Ordinal) ? key["key-of-".Length..] : null);

        public Task<NewApiKey> AddAsync(
            string tenant,
            string name,
            IReadOnlyCollection<string>? scopes = null,
            CancellationToken cancellationToken = default
        ) => throw new NotSupportedException();

        public Task<NewApiKey> RotateAsync(string tenant, Guid id, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<ApiKeyInfo>> ListAsync(string tenant, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public Task<bool> RevokeAsync(string tenant, Guid id, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();
    }

    private sealed class TenantsOfTests : ITenantDirectory
    {
        public Tenant? Find(string slug) => new(slug, "Loja", TenantStatus.Active, "America/Sao_Paulo");

        public GatewayConnection? FindConnection(string slug, string gateway) => null;

        public string? FindFunnel(string slug, string gateway, string? productId) => null;

        public IReadOnlyList<string> RoutePixels(string slug, string gateway, string? productId) => [];

        public bool SendsRenewals(string slug, string gateway, string? productId) => false;

        public Pixel? FindPixel(string slug, string pixelId) => null;
    }
}

public sealed record Answer(HttpStatusCode Status, string? MediaType, JsonElement Json)
{
    /// <summary>What is at a path such as <c>totals.sent</c> or <c>data.0.state</c>, as JSON.</summary>
    public string At(string path)
    {
        var element = Json;
        foreach (var part in path.Split('.'))
            element = int.TryParse(part, CultureInfo.InvariantCulture, out var index) ? element[index] : element.GetProperty(part);
        return element.ValueKind == JsonValueKind.String ? element.GetString()! : element.GetRawText();
    }

    public IReadOnlyList<string> Each(string array, string property) =>
        [.. Json.GetProperty(array).EnumerateArray().Select(element => element.GetProperty(property).ToString())];
}
