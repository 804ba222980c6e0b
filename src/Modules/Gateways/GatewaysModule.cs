using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.FeatureManagement;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

public static class GatewaysModule
{
    public static IServiceCollection AddGateways(this IServiceCollection services)
    {
        services.AddFeatureManagement();
        services.AddSingleton(provider => provider.GetRequiredService<IConfiguration>().GetSection("Limits").Get<LimitsOptions>() ?? new());
        services
            .AddOptions<WebhookRateLimitOptions>()
            .BindConfiguration("RateLimits:Webhooks")
            .Validate(
                static webhooks => webhooks.PerTenantPerSecond >= 0,
                "RateLimits:Webhooks:PerTenantPerSecond must not be negative; 0 is no limit."
            )
            .ValidateOnStart();
        services.AddSingleton(provider => new RateLimits(provider.GetRequiredService<IOptions<WebhookRateLimitOptions>>().Value));
        services.AddSingleton<GatewayRegistry>();
        services.AddSingleton<RecordDelivery>();
        services.AddSideEffect(KeptDelivery.Table);
        return services.AddSchema("gateways", typeof(GatewaysModule).Assembly);
    }

    public static IServiceCollection AddGateway<TGateway>(this IServiceCollection services)
        where TGateway : class, IGateway => services.AddSingleton<IGateway, TGateway>();

    public static void MapGateways(this IEndpointRouteBuilder endpoints) => endpoints.MapReceiveWebhook();
}
