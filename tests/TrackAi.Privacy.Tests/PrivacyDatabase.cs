using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.Privacy.Tests;

/// <summary>A database and a host with Privacy over it.</summary>
public sealed class PrivacyDatabase : TestDatabase
{
    public static readonly string Key = Convert.ToBase64String(SHA256.HashData("the master key of the tests"u8));

    internal TestHost Host { get; private set; } = null!;

    internal PersonalData People => (PersonalData)Host.Services.GetRequiredService<IPersonalData>();

    internal LookupRoot Lookups => Host.Services.GetRequiredService<LookupRoot>();

    internal StreamKeys Keys => Host.Services.GetRequiredService<StreamKeys>();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Host = await StartAsync(Key);
    }

    public override async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await base.DisposeAsync();
    }

    /// <summary>Another host over this database.</summary>
    internal Task<TestHost> StartAsync(string? masterKey, string? otherKey = null) =>
        TestHost.StartAsync(
            this,
            services => services.AddPrivacy(),
            settings: new Dictionary<string, string?>
            {
                ["EventStore:RunDaemon"] = "false",
                ["Secrets:MasterKey"] = masterKey,
                ["Secrets:OtherMasterKey"] = otherKey,
            }
        );

    internal Task<AppendResult> AppendAsync(StreamId stream, SealedPerson person, long expectedVersion = 0) =>
        Host.Store.AppendAsync(
            new Append(
                stream,
                [
                    new ClickCaptured(
                        "tk1_0123456789ABCDEF",
                        Campaign.None,
                        new(true, false, false, true, true, false),
                        Noon,
                        person.Protected
                    ),
                ]
            )
            {
                ExpectedVersion = expectedVersion,
                SideEffects = person.Key is { } key ? [key] : [],
            }
        );

    internal async Task DestroyAsync(params StreamId[] streams)
    {
        await using var session = await Host.Store.OpenSessionAsync(default);
        await Keys.DestroyAsync(session.Connection, streams, default);
        await session.CommitAsync(default);
    }

    public static readonly DateTimeOffset Noon = new(2026, 5, 10, 12, 0, 0, TimeSpan.Zero);
}
