using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

public static class MatchingModule
{
    public static IServiceCollection AddMatching(this IServiceCollection services)
    {
        services.AddSingleton(provider =>
            provider.GetRequiredService<IConfiguration>().GetSection("Matching").Get<MatchingOptions>() ?? new()
        );
        services.AddSingleton<OpenPeople>();
        services.AddSingleton<RuleBook>();
        services.AddSingleton<SharedAddresses>();
        services.AddSingleton<IHoldPersonalData, HeldLookUps>();
        services.AddSingleton<WhatIf>();
        services.AddSingleton<IMatchRules, RuleChanges>();
        services.AddSubscription<MatchConversions>();
        services.AddHostedService<ForgetOldLookUps>();
        return services.AddSchema("matching", typeof(MatchingModule).Assembly);
    }
}
