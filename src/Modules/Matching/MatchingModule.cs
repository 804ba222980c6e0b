using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

public static class MatchingModule
{
    public static IServiceCollection AddMatching(this IServiceCollection services)
    {
        services
            .AddOptions<MatchingOptions>()
            .BindConfiguration("Matching")
            .Validate(
                static matching => matching.WindowDays >= 1 && matching.WindowDays <= matching.LookBackDays,
                "Matching:WindowDays must be at least 1 and at most Matching:LookBackDays."
            )
            .Validate(static matching => matching.LookBackDays is >= 1 and <= 3650, "Matching:LookBackDays must be between 1 and 3650.")
            .Validate(static matching => matching.ReopenDays is >= 0 and <= 3650, "Matching:ReopenDays must be between 0 and 3650.")
            .Validate(
                static matching => matching.ForgetEvery >= TimeSpan.Zero,
                "Matching:ForgetEvery must not be negative; 00:00:00 never forgets."
            )
            .ValidateOnStart();
        services.AddSingleton(static provider => provider.GetRequiredService<IOptions<MatchingOptions>>().Value);
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
