using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;

namespace TrackAi.Privacy;

/// <summary>Normalises, hashes and protects what is personal, and keeps the installation's secrets.</summary>
public static class PrivacyModule
{
    public static IServiceCollection AddPrivacy(this IServiceCollection services)
    {
        services.AddOptions<PrivacyOptions>().BindConfiguration("Secrets").ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<PrivacyOptions>, ValidatePrivacyOptions>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(_ => RandomNumberGenerator.Create());
        services.AddSingleton(provider => new MasterKey(provider.GetRequiredService<IOptions<PrivacyOptions>>().Value.MasterKey));
        services.AddSingleton<StreamKeys>();
        services.AddSingleton<ISecretBox, SecretBox>();
        services.AddSingleton<IPersonalData, PersonalData>();
        return services;
    }
}
