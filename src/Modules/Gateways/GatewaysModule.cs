using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.FeatureManagement;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

public static class GatewaysModule
{
    public static IServiceCollection AddGateways(this IServiceCollection services)
    {
        services.AddFeatureManagement();
        services
            .AddOptions<LimitsOptions>()
            .BindConfiguration("Limits")
            .Validate(static limits => limits.WebhookBodyBytes > 0, "Limits:WebhookBodyBytes must be at least 1.")
            .ValidateOnStart();
        services.AddSingleton(static provider => provider.GetRequiredService<IOptions<LimitsOptions>>().Value);
        services
            .AddOptions<GatewaysOptions>()
            .BindConfiguration("Gateways")
            .Validate(
                static gateways => gateways.SettlingWindow >= TimeSpan.Zero,
                "Gateways:SettlingWindow must not be negative; 00:00:00 never waits."
            )
            .Validate(static gateways => gateways.KeepNotUnderstood > TimeSpan.Zero, "Gateways:KeepNotUnderstood must be more than 0.")
            .ValidateOnStart();
        services.AddSingleton(static provider => provider.GetRequiredService<IOptions<GatewaysOptions>>().Value);
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
        services.AddSingleton<IGatewayAmounts>(provider => provider.GetRequiredService<GatewayRegistry>());
        services.AddSingleton<SaleNames>();
        services.AddSingleton<KeptDeliveries>();
        services.AddSingleton<NewEvidence>();
        services.AddSingleton<RecordSale>();
        services.AddSingleton<RecordDelivery>();
        services.AddSingleton<IHoldPersonalData, PeopleInDeliveries>();
        services.AddSingleton<IReadNotUnderstood>(static provider => provider.GetRequiredService<ReplayDeliveries>());
        services.AddSingleton(provider => new ReplayDeliveries(
            provider.GetRequiredService<KeptDeliveries>(),
            provider.GetRequiredService<GatewayRegistry>(),
            provider.GetRequiredService<RecordDelivery>(),
            provider.GetRequiredService<IPersonalData>(),
            provider.GetRequiredService<ITenantAdministration>()
        ));
        services.AddHostedService<SettleHeldDeliveries>();
        services.AddHostedService<ForgetKeptDeliveries>();
        services.AddSideEffect(KeptDelivery.Table);
        services.AddSideEffect(HeldDelivery.Table);
        return services.AddSchema("gateways", typeof(GatewaysModule).Assembly);
    }

    public static IServiceCollection AddGateway<TGateway>(this IServiceCollection services)
        where TGateway : class, IGateway => services.AddSingleton<IGateway, TGateway>();

    public static void MapGateways(this IEndpointRouteBuilder endpoints) => endpoints.MapReceiveWebhook();
}
