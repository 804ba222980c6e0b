using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Privacy.Normalising;
using TrackAi.Privacy.People;

namespace TrackAi.Privacy;

/// <summary>
/// Seals what is personal under a key of its stream and opens it again. The key lies wrapped in a table outside the log; with its row goes
/// the person.
/// </summary>
internal sealed class PersonalData(MasterKey master, StreamKeys keys, LookupRoot lookups, RandomNumberGenerator random) : IPersonalData
{
    private const int KeyLength = 32;

    // Formats of the protected part.
    private const byte PersonFormat = 1;
    private const byte ContentFormat = 2;
    private readonly KeyWrapping wrapping = new(master, random);
    private readonly ConcurrentDictionary<string, byte[]> lookupKeys = new(StringComparer.Ordinal);

    public SealedPerson SealNew(string tenantId, string streamId, Person person)
    {
        var normalised = Normalised.From(person);
        return SealUnderFreshKey(new(tenantId, streamId), PersonFormat, StoredPerson.Write(normalised.Person)) with
        {
            Dropped = normalised.Dropped,
        };
    }

    public ProtectedPerson Normalise(Person person) => Normalised.From(person).Person;

    public SealedPerson SealNew(string tenantId, string streamId, ReadOnlySpan<byte> content) =>
        SealUnderFreshKey(new(tenantId, streamId), ContentFormat, content);

    // Two deliveries may both find no key and both make one. The append that wins brings its key with it; the other one was refused by the
    // stream's version and comes here again, where it now finds the winner's.
    public async Task<SealedPerson?> SealAsync(string tenantId, string streamId, Person person, CancellationToken cancellationToken)
    {
        var stream = new StreamId(tenantId, streamId);
        return await keys.FindAsync(stream, cancellationToken) switch
        {
            StreamKeys.State.Present present => SealUnder(Unwrap(stream, present.WrappedKey), stream, person),
            StreamKeys.State.Missing => SealNew(tenantId, streamId, person),
            _ => null,
        };
    }

    public async Task<IReadOnlyList<ProtectedPerson?>> OpenAsync(IReadOnlyList<ProtectedPart> parts, CancellationToken cancellationToken) =>
        await OpenAsync(parts, PersonFormat, ReadPerson, cancellationToken);

    public async Task<IReadOnlyList<byte[]?>> OpenContentAsync(IReadOnlyList<ProtectedPart> parts, CancellationToken cancellationToken) =>
        await OpenAsync(parts, ContentFormat, static (_, content) => content, cancellationToken);

    public byte[] LookupHash(string tenantId, string kind, string value)
    {
        var key = lookupKeys.GetOrAdd(
            tenantId,
            static (tenant, lookups) => MasterKey.Expand(lookups.Value, $"trackai/lookup/v1|{tenant}"),
            lookups
        );
        return HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{kind}|{value}"));
    }

    public IReadOnlyList<byte[]> TracesOf(string tenantId, Person person) =>
        [.. new PersonHashes(this).OfPerson(tenantId, Normalised.From(person).Person).Select(Convert.FromHexString)];

    private SealedPerson SealUnder(byte[] key, StreamId stream, Person person)
    {
        var normalised = Normalised.From(person);
        var blob = Aead.Seal(PersonFormat, key, Context(stream), StoredPerson.Write(normalised.Person), random);
        return new(Convert.ToBase64String(blob), Key: null) { Dropped = normalised.Dropped };
    }

    private SealedPerson SealUnderFreshKey(StreamId stream, byte format, ReadOnlySpan<byte> content)
    {
        lookups.AssertKey();
        Span<byte> key = stackalloc byte[KeyLength];
        random.GetBytes(key);
        var context = Context(stream);
        var blob = Aead.Seal(format, key, context, content, random);
        var wrapped = wrapping.Wrap(context, key);
        return new(Convert.ToBase64String(blob), new StreamKey(stream.TenantId, stream.Id, wrapped));
    }

    private async Task<T?[]> OpenAsync<T>(
        IReadOnlyList<ProtectedPart> parts,
        byte format,
        Func<StreamId, byte[], T> read,
        CancellationToken cancellationToken
    )
        where T : class
    {
        StreamId[] streams = [.. parts.Select(part => new StreamId(part.TenantId, part.StreamId)).Distinct()];
        var wrapped = await keys.LoadAsync(streams, cancellationToken);
        var unwrapped = new Dictionary<StreamId, byte[]>(streams.Length);
        for (var index = 0; index < streams.Length; index++)
        {
            if (wrapped[index] is { } key)
                unwrapped[streams[index]] = Unwrap(streams[index], key);
        }

        var opened = new T?[parts.Count];
        for (var index = 0; index < opened.Length; index++)
        {
            var stream = new StreamId(parts[index].TenantId, parts[index].StreamId);
            if (unwrapped.TryGetValue(stream, out var key))
                opened[index] = read(stream, Aead.Open(format, key, Context(stream), Decode(stream, parts[index].Protected)));
        }

        return opened;
    }

    private byte[] Unwrap(StreamId stream, byte[] wrapped) => wrapping.Unwrap(Context(stream), wrapped);

    // Authenticated with every blob and key of the stream: never changed.
    internal static string Context(StreamId stream) => $"{stream.TenantId}|{stream.Id}";

    private static byte[] Decode(StreamId stream, string text)
    {
        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException notBase64)
        {
            throw Aead.Damaged(Context(stream), notBase64);
        }
    }

    private static ProtectedPerson ReadPerson(StreamId stream, byte[] json)
    {
        try
        {
            return StoredPerson.Read(json);
        }
        catch (JsonException notAPerson)
        {
            throw Aead.Damaged(Context(stream), notAPerson);
        }
    }
}
