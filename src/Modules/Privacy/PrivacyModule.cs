using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Privacy.Cookies;
using TrackAi.Privacy.People;

namespace TrackAi.Privacy;

/// <summary>Normalises, hashes and protects what is personal, and keeps the installation's secrets.</summary>
public static class PrivacyModule
{
    // A stream that has a key, or had one, keeps what it has.
    private static readonly SideEffectTable<StreamKey> KeyTable = new(
        "stream_key",
        [
            new("tenant_id", NpgsqlDbType.Varchar, key => key.TenantId),
            new("stream_id", NpgsqlDbType.Varchar, key => key.StreamId),
            new("wrapped_key", NpgsqlDbType.Bytea, key => key.WrappedKey),
        ],
        onConflict: "on conflict (tenant_id, stream_id) do nothing"
    );

    public static IServiceCollection AddPrivacy(this IServiceCollection services)
    {
        services.AddOptions<PrivacyOptions>().BindConfiguration("Secrets").ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<PrivacyOptions>, ValidatePrivacyOptions>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(_ => RandomNumberGenerator.Create());
        services.AddSingleton(provider =>
        {
            var options = provider.GetRequiredService<IOptions<PrivacyOptions>>().Value;
            return new MasterKey(options.MasterKey, options.OtherMasterKey);
        });
        services.AddSingleton<LookupRoot>();
        services.AddSingleton<IMasterKeys, MasterKeys>();
        services.AddSingleton<StreamKeys>();
        services.AddSingleton<SecretBox>();
        services.AddSingleton<ISecretBox, GuardedSecretBox>();
        services.AddSingleton<IPersonalData, PersonalData>();
        services.AddSingleton<PersonHashes>();
        services.AddSingleton<OpenPeople>();
        services.AddSingleton<PersonIndex>();
        services.AddSingleton<FindPerson>();
        services.AddSingleton<IPersonRequests, PersonRequests>();
        services.AddDataProtection().SetApplicationName("TrackAi");
        services.AddSingleton<DataProtectionKeys>();
        services.AddSingleton<IHoldSecrets>(static provider => provider.GetRequiredService<DataProtectionKeys>());
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>, KeysInPostgres>();
        services.AddSubscription<PersonIndex>();
        services.AddSideEffect(KeyTable);
        return services.AddSchema("privacy", typeof(PrivacyModule).Assembly);
    }
}
