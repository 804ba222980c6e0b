using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Privacy.Tests;

/// <summary>From one master key to the next, with hosts at work.</summary>
public sealed class RotationTests(PrivacyDatabase database) : IClassFixture<PrivacyDatabase>
{
    [Fact]
    public async Task Everything_opens_under_the_new_key_alone_once_it_was_rotated_and_people_are_recognised_as_before()
    {
        var next = PrivacyOptions.NewMasterKey();
        var stream = new StreamId("acme", "click-rotated");
        var person = database.People.SealNew(stream.TenantId, stream.Id, new Person { Email = "ana@example.com" });
        await database.AppendAsync(stream, person);
        var erased = new StreamId("acme", "click-erased");
        await database.AppendAsync(erased, database.People.SealNew(erased.TenantId, erased.Id, new Person()));
        await database.DestroyAsync(erased);
        var hash = database.People.LookupHash("acme", "email", "ana@example.com");
        ProtectedPart[] parts = [new("acme", stream.Id, person.Protected)];

        await using (var both = await database.StartAsync(next, PrivacyDatabase.Key))
        {
            (await PeopleOf(both).OpenAsync(parts, default)).Single().ShouldNotBeNull("both keys are taken meanwhile");
            PeopleOf(both).LookupHash("acme", "email", "ana@example.com").ShouldBe(hash);
            var keys = both.Services.GetRequiredService<IMasterKeys>();
            (await keys.RotateAsync()).ShouldBe(new KeyRotation(1, Secrets: 1, LookupKey: true), "the one secret is the key of cookies");
            (await keys.RotateAsync()).ShouldBe(new KeyRotation(0, Secrets: 1, LookupKey: false), "it was done");
        }

        await using var after = await database.StartAsync(next);
        after.Services.GetRequiredService<IMasterKeys>().Problem().ShouldBeNull();
        (await PeopleOf(after).OpenAsync(parts, default)).Single().ShouldNotBeNull().Email.ShouldBe("ana@example.com");
        PeopleOf(after).LookupHash("acme", "email", "ana@example.com").ShouldBe(hash);
        (await database.ScalarAsync<bool>("select wrapped_key is null from stream_key where stream_id = 'click-erased'")).ShouldBeTrue();

        await using var late = await database.StartAsync(PrivacyDatabase.Key);
        late.Services.GetRequiredService<IMasterKeys>().Problem().ShouldNotBeNull().ShouldContain("Secrets:MasterKey");
        await Should.ThrowAsync<CryptographicException>(PeopleOf(late).OpenAsync(parts, default));
    }

    [Fact]
    public async Task Without_another_key_there_is_nothing_to_rotate() =>
        (
            await Should.ThrowAsync<InvalidOperationException>(database.Host.Services.GetRequiredService<IMasterKeys>().RotateAsync())
        ).Message.ShouldContain("Secrets:OtherMasterKey");

    private static IPersonalData PeopleOf(Testing.TestHost host) => host.Services.GetRequiredService<IPersonalData>();
}

/// <summary>A database from before the key of look-ups was kept in it.</summary>
public sealed class OlderDatabaseTests(PrivacyDatabase database) : IClassFixture<PrivacyDatabase>
{
    [Fact]
    public async Task A_wrong_master_key_is_noticed_by_what_lies_in_the_database_and_the_right_one_is_learned()
    {
        var stream = new StreamId("acme", "click-older");
        await database.AppendAsync(stream, database.People.SealNew(stream.TenantId, stream.Id, new Person { Email = "ana@example.com" }));
        var hash = database.People.LookupHash("acme", "email", "ana@example.com");
        await database.ExecuteAsync("delete from installation_key");

        await using var wrong = await database.StartAsync(PrivacyOptions.NewMasterKey());
        wrong.Services.GetRequiredService<IMasterKeys>().Problem().ShouldBe(LookupRoot.WrongKey);
        (await database.ScalarAsync<long>("select count(*) from installation_key")).ShouldBe(0, "a wrong key must leave no mark");

        await using var rotating = await database.StartAsync(PrivacyOptions.NewMasterKey(), PrivacyDatabase.Key);
        rotating.Services.GetRequiredService<IMasterKeys>().Problem().ShouldBeNull();
        rotating.Services.GetRequiredService<IPersonalData>().LookupHash("acme", "email", "ana@example.com").ShouldBe(hash);
    }
}
