using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Privacy.Tests;

public sealed class PersonalDataTests(PrivacyDatabase database) : IClassFixture<PrivacyDatabase>
{
    private static readonly Person Joana = new()
    {
        Email = "Joana.Prado@Exemplo.com.br",
        Phone = "(11) 98765-4321",
        FullName = "Joana Prado",
        City = "São Paulo",
        IpAddress = "189.6.1.2",
        UserAgent = "Mozilla/5.0",
        Fbc = "fb.1.1596403881668.AbCdEf",
    };

    private PersonalData People => database.People;

    private static StreamId Stream(string name, string tenant = "acme") => new(tenant, $"click-{name}");

    private SealedPerson SealNew(StreamId stream) => People.SealNew(stream.TenantId, stream.Id, Joana);

    private async Task<ProtectedPerson?> OpenAsync(StreamId stream, SealedPerson person) =>
        (await People.OpenAsync([new(stream.TenantId, stream.Id, person.Protected)], default)).Single();

    [Fact]
    public async Task A_person_is_opened_as_it_was_sealed()
    {
        var stream = Stream("roundtrip");
        var joana = SealNew(stream);
        (await database.AppendAsync(stream, joana)).ShouldBeOfType<AppendResult.Appended>();

        var opened = (await OpenAsync(stream, joana)).ShouldNotBeNull();

        opened.Email.ShouldBe("joana.prado@exemplo.com.br");
        opened.Phone.ShouldBe("5511987654321");
        opened.Fn.Count.ShouldBe(1);
        opened.Ct.Count.ShouldBe(2);
        opened.St.ShouldBeEmpty();
        opened.IpAddress.ShouldBe("189.6.1.2");
        opened.Fbc.ShouldBe("fb.1.1596403881668.AbCdEf");
    }

    [Fact]
    public void Nothing_of_the_person_can_be_read_in_what_is_stored()
    {
        var joana = SealNew(Stream("opaque"));
        var stored = Encoding.Latin1.GetString([.. Convert.FromBase64String(joana.Protected), .. joana.Key!.WrappedKey]) + joana.Protected;

        foreach (var secret in (string[])["joana", "prado", "98765", "189.6", "Mozilla", "AbCdEf", "email", "fb.1"])
            stored.ShouldNotContain(secret, Case.Insensitive);
    }

    [Fact]
    public void The_same_person_sealed_twice_looks_different()
    {
        var (first, second) = (SealNew(Stream("twice")), SealNew(Stream("twice")));

        first.Protected.ShouldNotBe(second.Protected);
        first.Key!.WrappedKey.ShouldNotBe(second.Key!.WrappedKey);
    }

    [Fact]
    public void Fields_that_are_no_good_are_named_to_the_caller() =>
        People.SealNew("acme", "click-dropped", Joana with { Phone = "123", Fbc = "x" }).Dropped.ShouldBe(["phone", "fbc"]);

    [Fact]
    public async Task A_part_copied_to_another_stream_does_not_open()
    {
        var (here, there) = (Stream("here"), Stream("there"));
        var (joana, other) = (SealNew(here), SealNew(there));
        await database.AppendAsync(here, joana);
        await database.AppendAsync(there, other);

        (await Should.ThrowAsync<CryptographicException>(() => OpenAsync(there, joana))).Message.ShouldContain("acme|click-there");
    }

    [Fact]
    public async Task A_key_copied_to_another_tenant_does_not_open()
    {
        var stream = Stream("stolen");
        var joana = SealNew(stream);
        var elsewhere = Stream("stolen", "rival");
        await database.AppendAsync(elsewhere, new SealedPerson(joana.Protected, joana.Key! with { TenantId = "rival" }));

        (await Should.ThrowAsync<CryptographicException>(() => OpenAsync(elsewhere, joana))).Message.ShouldContain("rival|click-stolen");
    }

    [Theory]
    [InlineData("")]
    [InlineData("AQ==")]
    [InlineData("not base64")]
    [InlineData("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task A_damaged_part_is_not_mistaken_for_an_erased_one(string damaged)
    {
        var stream = Stream("damaged");
        await database.AppendAsync(stream, SealNew(stream));

        (await Should.ThrowAsync<CryptographicException>(() => OpenAsync(stream, new(damaged, null)))).Message.ShouldContain(
            "acme|click-damaged"
        );
    }

    [Fact]
    public async Task Another_master_key_opens_nothing_and_says_so()
    {
        var stream = Stream("other-master");
        var joana = SealNew(stream);
        await database.AppendAsync(stream, joana);
        await using var other = await database.StartAsync(PrivacyOptions.NewMasterKey());

        var failure = await Should.ThrowAsync<CryptographicException>(() =>
            other.Services.GetRequiredService<IPersonalData>().OpenAsync([new("acme", stream.Id, joana.Protected)], default)
        );

        failure.Message.ShouldContain("another master key");
    }

    [Fact]
    public async Task An_erased_person_is_gone_at_once()
    {
        var stream = Stream("erased");
        var joana = SealNew(stream);
        await database.AppendAsync(stream, joana);
        (await OpenAsync(stream, joana)).ShouldNotBeNull();

        await database.DestroyAsync(stream);

        (await OpenAsync(stream, joana)).ShouldBeNull();
        (await People.SealAsync(stream.TenantId, stream.Id, Joana, default)).ShouldBeNull();
    }

    [Fact]
    public async Task An_erased_stream_never_gets_a_second_key()
    {
        var stream = Stream("erased-before");
        await database.DestroyAsync(stream, stream);
        var late = SealNew(stream);

        (await database.AppendAsync(stream, late)).ShouldBeOfType<AppendResult.Appended>();

        (await OpenAsync(stream, late)).ShouldBeNull();
    }

    [Fact]
    public async Task Destroying_counts_the_keys_there_were()
    {
        var (known, unknown) = (Stream("counted"), Stream("never-seen"));
        await database.AppendAsync(known, SealNew(known));
        await using var session = await database.Host.Store.OpenSessionAsync(default);

        (await database.Keys.DestroyAsync(session.Connection, [known, unknown], default)).ShouldBe(1);
        (await database.Keys.DestroyAsync(session.Connection, [known, unknown], default)).ShouldBe(0);
    }

    [Fact]
    public async Task A_later_delivery_is_sealed_under_the_streams_own_key()
    {
        var stream = Stream("second");
        var first = SealNew(stream);
        await database.AppendAsync(stream, first);

        var second = (
            await People.SealAsync(stream.TenantId, stream.Id, Joana with { Phone = "21 99876-5432" }, default)
        ).ShouldNotBeNull();
        await database.AppendAsync(stream, second, expectedVersion: 1);

        second.Key.ShouldBeNull();
        (await OpenAsync(stream, first))!.Phone.ShouldBe("5511987654321");
        (await OpenAsync(stream, second))!.Phone.ShouldBe("5521998765432");
    }

    [Fact]
    public async Task A_stream_without_a_key_gets_one_with_the_append_that_needs_it()
    {
        var stream = Stream("keyless");
        await database.Host.Store.AppendAsync(
            new Append(stream, [new DeliveryAcknowledged("kiwify", "1", "test", "test", PrivacyDatabase.Noon)])
        );

        var joana = (await People.SealAsync(stream.TenantId, stream.Id, Joana, default)).ShouldNotBeNull();
        await database.AppendAsync(stream, joana, expectedVersion: 1);

        joana.Key.ShouldNotBeNull();
        (await OpenAsync(stream, joana)).ShouldNotBeNull();
    }

    [Fact]
    public async Task Of_two_first_deliveries_the_loser_seals_again_under_the_winners_key()
    {
        var stream = Stream("race");
        var contenders = Enumerable.Range(0, 8).Select(_ => SealNew(stream)).ToArray();

        var results = await Task.WhenAll(contenders.Select(contender => database.AppendAsync(stream, contender)));

        results.Count(result => result is AppendResult.Appended).ShouldBe(1);
        var winner = contenders[Array.FindIndex(results, result => result is AppendResult.Appended)];
        var again = (await People.SealAsync(stream.TenantId, stream.Id, Joana, default)).ShouldNotBeNull();
        again.Key.ShouldBeNull();
        (await database.AppendAsync(stream, again, expectedVersion: 1)).ShouldBeOfType<AppendResult.Appended>();
        (await OpenAsync(stream, winner)).ShouldNotBeNull();
        (await OpenAsync(stream, again)).ShouldNotBeNull();
    }

    [Fact]
    public async Task Many_parts_come_back_in_the_order_given_with_gaps_where_people_were_erased()
    {
        var streams = Enumerable.Range(0, 50).Select(number => Stream($"many-{number}")).ToArray();
        var parts = new List<ProtectedPart>();
        foreach (var (stream, number) in streams.Select((stream, number) => (stream, number)))
        {
            var person = People.SealNew(stream.TenantId, stream.Id, new Person { ExternalId = "x", UserAgent = $"{number}" });
            await database.AppendAsync(stream, person);
            parts.Add(new(stream.TenantId, stream.Id, person.Protected));
        }
        await database.DestroyAsync(streams[7], streams[8]);
        parts.Add(parts[3]);
        parts.Add(new("acme", "click-unknown", parts[0].Protected));
        parts.Reverse();

        var opened = await People.OpenAsync(parts, default);

        opened
            .Select(person => person?.UserAgent)
            .ShouldBe([null, "3", .. Enumerable.Range(0, 50).Reverse().Select(number => number is 7 or 8 ? null : $"{number}")]);
        (await People.OpenAsync([], default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_delivery_that_was_not_understood_comes_back_byte_for_byte()
    {
        var stream = new StreamId("acme", "delivery-kiwify-1");
        byte[] body = [0, 255, .. "{\"nome\":"u8];
        var sealedBody = People.SealNew(stream.TenantId, stream.Id, body);
        await database.AppendAsync(stream, sealedBody);
        ProtectedPart[] parts = [new(stream.TenantId, stream.Id, sealedBody.Protected)];

        (await People.OpenContentAsync(parts, default)).Single().ShouldBe(body);
        await Should.ThrowAsync<CryptographicException>(() => People.OpenAsync(parts, default));
    }

    [Fact]
    public void A_lookup_hash_is_of_the_tenant_the_kind_and_the_value()
    {
        byte[][] hashes =
        [
            People.LookupHash("acme", "email", "joana@exemplo.com"),
            People.LookupHash("rival", "email", "joana@exemplo.com"),
            People.LookupHash("acme", "phone", "joana@exemplo.com"),
            People.LookupHash("acme", "email", "pedro@exemplo.com"),
        ];

        hashes.Select(Convert.ToHexString).Distinct().Count().ShouldBe(4);
        hashes.ShouldAllBe(hash => hash.Length == 32);
        People.LookupHash("acme", "email", "joana@exemplo.com").ShouldBe(hashes[0]);
    }

    [Fact]
    public void With_the_same_randomness_a_run_repeats_itself_byte_for_byte()
    {
        SealedPerson Run() =>
            new PersonalData(new MasterKey(PrivacyDatabase.Key), database.Keys, database.Lookups, new Counting()).SealNew(
                "acme",
                "click-replayed",
                Joana
            );
        var (first, second) = (Run(), Run());

        second.Protected.ShouldBe(first.Protected);
        second.Key!.WrappedKey.ShouldBe(first.Key!.WrappedKey);
    }

    private sealed class Counting : RandomNumberGenerator
    {
        private byte next;

        public override void GetBytes(byte[] data)
        {
            for (var index = 0; index < data.Length; index++)
                data[index] = next++;
        }
    }
}
