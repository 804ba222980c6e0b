namespace TrackAi.Contracts;

/// <summary>What a gateway or a browser told us about a person, as it came. Lives in memory only: it is stored as <see cref="SealedPerson"/>.</summary>
public sealed record Person
{
    public string? Email { get; init; }
    public string? Phone { get; init; }
    public string? FullName { get; init; }
    public string? FirstName { get; init; }
    public string? LastName { get; init; }
    public string? City { get; init; }
    public string? State { get; init; }
    public string? Zip { get; init; }
    public string? Country { get; init; }
    public string? BirthDate { get; init; }
    public string? Gender { get; init; }
    public string? ExternalId { get; init; }
    public string? IpAddress { get; init; }
    public string? UserAgent { get; init; }
    public string? Fbclid { get; init; }

    /// <summary>Meta's click cookie, <c>fb.1.{ms}.{fbclid}</c>. Case matters.</summary>
    public string? Fbc { get; init; }

    /// <summary>Meta's browser cookie, <c>fb.1.{ms}.{random}</c>.</summary>
    public string? Fbp { get; init; }

    /// <summary>The page the person was on; its query may name them.</summary>
    public string? EventSourceUrl { get; init; }
}

/// <summary>
/// A person as stored in the protected part of an event: normalised and hashed the way Meta wants it. Hashed lists carry every variant
/// worth sending (contracts of Meta, "user_data": all hashed fields accept lists).
/// </summary>
public sealed record ProtectedPerson
{
    /// <summary>Normalised e-mail, readable, for other destinations.</summary>
    public string? Email { get; init; }

    /// <summary>E.164 digits without the plus, Brazilian numbers with 55.</summary>
    public string? Phone { get; init; }

    public IReadOnlyList<string> Em { get; init; } = [];
    public IReadOnlyList<string> Ph { get; init; } = [];
    public IReadOnlyList<string> Fn { get; init; } = [];
    public IReadOnlyList<string> Ln { get; init; } = [];
    public IReadOnlyList<string> Db { get; init; } = [];
    public IReadOnlyList<string> Ge { get; init; } = [];
    public IReadOnlyList<string> Ct { get; init; } = [];
    public IReadOnlyList<string> St { get; init; } = [];
    public IReadOnlyList<string> Zp { get; init; } = [];
    public IReadOnlyList<string> Country { get; init; } = [];
    public IReadOnlyList<string> ExternalId { get; init; } = [];
    public string? IpAddress { get; init; }
    public string? UserAgent { get; init; }
    public string? Fbclid { get; init; }
    public string? Fbc { get; init; }
    public string? Fbp { get; init; }
    public string? EventSourceUrl { get; init; }
}

/// <summary>
/// A person encrypted under the key of one stream. <paramref name="Protected"/> goes into the event; <paramref name="Key"/> is a side effect of
/// the same append (null when the stream already has its key).
/// </summary>
public sealed record SealedPerson(string Protected, StreamKey? Key)
{
    /// <summary>Names of fields that were given but were no good (<c>phone</c>, <c>fbc</c> …), for the notes of the event; never their values.</summary>
    public IReadOnlyList<string> Dropped { get; init; } = [];
}

/// <summary>The key of one stream, wrapped by the master key. Destroying the row makes everything personal in the stream unreadable.</summary>
public sealed record StreamKey(string TenantId, string StreamId, byte[] WrappedKey);

/// <summary>One protected part of one stream, to be opened.</summary>
public sealed record ProtectedPart(string TenantId, string StreamId, string Protected);

/// <summary>Seals and opens what is personal, and makes the keyed hashes that look-ups compare. Implemented by Privacy.</summary>
public interface IPersonalData
{
    /// <summary>Encrypts for a stream that does not exist yet, under a fresh key. Pure computation.</summary>
    SealedPerson SealNew(string tenantId, string streamId, Person person);

    /// <summary>The person as <see cref="SealNew(string, string, Person)"/> would store them: to compare with what is opened. Pure computation.</summary>
    ProtectedPerson Normalise(Person person);

    /// <summary>
    /// Encrypts for a stream that exists, under its own key; under a fresh one when it has none yet. Null when the key was destroyed.
    /// Append with an expected version: of two fresh keys only the first is kept, and whoever was refused seals again.
    /// </summary>
    Task<SealedPerson?> SealAsync(string tenantId, string streamId, Person person, CancellationToken cancellationToken);

    /// <summary>The same for bytes that are kept as they came (a delivery that was not understood).</summary>
    SealedPerson SealNew(string tenantId, string streamId, ReadOnlySpan<byte> content);

    /// <summary>Bytes that were kept as they came, in the order given; null where the key was destroyed.</summary>
    Task<IReadOnlyList<byte[]?>> OpenContentAsync(IReadOnlyList<ProtectedPart> parts, CancellationToken cancellationToken);

    /// <summary>
    /// Opens many parts with one look-up of their keys, in the order given; null where the key was destroyed (the person was erased).
    /// Throws when a part does not decrypt under its key: that is damage, not absence.
    /// </summary>
    Task<IReadOnlyList<ProtectedPerson?>> OpenAsync(IReadOnlyList<ProtectedPart> parts, CancellationToken cancellationToken);

    /// <summary>
    /// A keyed hash (HMAC-SHA-256 under a key of the tenant, 32 bytes) of an identifier, for tables that can be deleted.
    /// <paramref name="kind"/> separates e-mails from phones and so on.
    /// </summary>
    byte[] LookupHash(string tenantId, string kind, string value);

    /// <summary>The keyed hashes that a person of this e-mail, phone or these cookies is found by, see <see cref="PersonTraces"/>.</summary>
    IReadOnlyList<byte[]> TracesOf(string tenantId, Person person);
}
