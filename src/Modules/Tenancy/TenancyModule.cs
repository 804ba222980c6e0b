using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <summary>Tenants, their funnels, gateway secrets, pixels, API keys and users: changed by command or configuration, answered from memory.</summary>
public static class TenancyModule
{
    /// <param name="services">Must have the event store, <see cref="Ids"/> and an <see cref="ISecretBox"/>.</param>
    /// <param name="gateways">Names of the gateways there are; null takes any name.</param>
    public static IServiceCollection AddTenancy(this IServiceCollection services, IReadOnlyCollection<string>? gateways = null)
    {
        services
            .AddOptions<TenancyOptions>()
            .BindConfiguration("Tenancy")
            .Validate(static tenancy => tenancy.SecretOverlap >= TimeSpan.Zero, "Tenancy:SecretOverlap must not be negative.")
            .Validate(static tenancy => tenancy.RefreshEvery > TimeSpan.Zero, "Tenancy:RefreshEvery must be more than 0.")
            .Validate(static tenancy => tenancy.RecordKeyUseEvery > TimeSpan.Zero, "Tenancy:RecordKeyUseEvery must be more than 0.")
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<Ids>();
        services.AddSingleton(provider => new TenantRules(gateways, provider.GetService<IGatewayAmounts>()));
        services.AddSingleton<TenantChanges>();
        services.AddSingleton<TenantQueries>();
        services.AddSingleton<ITenantAdministration, TenantAdministration>();
        services.AddSingleton<IHoldSecrets, SealedSecrets>();
        services.AddSingleton<IOnboarding, Onboard>();
        services.AddSingleton<TenantReader>();
        services.AddSingleton<TenantDirectory>();
        services.AddSingleton<ITenantDirectory>(static provider => provider.GetRequiredService<TenantDirectory>());
        services.AddSingleton<KeyUses>();
        services.AddSingleton<IApiKeys, ApiKeys>();
        services.AddSingleton<UserTable>();
        services.AddSingleton<IUsers, Users>();
        services.AddSingleton<ISignIns, SignIns>();
        services.AddSingleton<ISettingsHistory, SettingsHistory>();
        services.AddSingleton<ConfiguredTenants>();
        services.AddSingleton<TenantRefresh>();
        services.AddHostedService(static provider => provider.GetRequiredService<TenantRefresh>());
        services.AddSingleton<IHostedService>(static provider => provider.GetRequiredService<KeyUses>());
        return services.AddSchema("tenancy", typeof(TenancyModule).Assembly);
    }

    public static void MapTenancy(this IEndpointRouteBuilder endpoints) => endpoints.MapOnboarding();
}
