namespace TrackAi.Contracts;

/// <summary>A person whose data is asked for or is to go, by what they gave of themselves. Lives in memory only.</summary>
/// <param name="Orders">A gateway's order, or a conversion's id; its buyer is meant.</param>
public sealed record PersonRequest(
    string TenantId,
    IReadOnlyList<string> Emails,
    IReadOnlyList<string> Phones,
    IReadOnlyList<string> Orders
);

/// <summary>A request that cannot be followed as it was made; the message names the option and the remedy, and never the person.</summary>
public sealed class PersonRequestRefusedException(string message) : Exception(message);

/// <summary>What a person is known by in look-ups, and the streams that are theirs.</summary>
/// <param name="Hashes">Keyed hashes, <see cref="IPersonalData.LookupHash"/>.</param>
public sealed record PersonTraces(string TenantId, IReadOnlyCollection<byte[]> Hashes, IReadOnlyCollection<string> Streams);

/// <summary>Something that a module holds of a person beside the log.</summary>
/// <param name="Heading">What it is, for the person.</param>
public sealed record HeldRecord(string Table, string Heading, object Content);

/// <summary>
/// A module that keeps something of people in tables of its own: keyed hashes, protected bodies, work that is waiting. Every module that does
/// implements it; nobody else knows these tables.
/// </summary>
public interface IHoldPersonalData
{
    /// <summary>The tables it answers for.</summary>
    IReadOnlyList<string> Tables { get; }

    /// <summary>Streams that its tables know to be this person's, by the hashes.</summary>
    Task<IReadOnlyCollection<string>> FindStreamsAsync(PersonTraces traces, CancellationToken cancellationToken);

    /// <summary>Everything it holds of them; also tells what an erasure would take.</summary>
    Task<IReadOnlyList<HeldRecord>> ExportAsync(PersonTraces traces, CancellationToken cancellationToken);

    /// <summary>Deletes it, and lets work on it come to its end first. Doing it again finds nothing.</summary>
    /// <returns>Rows by table.</returns>
    Task<IReadOnlyDictionary<string, long>> EraseAsync(PersonTraces traces, CancellationToken cancellationToken);
}

/// <param name="FoundBy"><c>email</c>, <c>phone</c>, <c>order</c>, <c>click</c> (one of a sale or visit of theirs) or <c>browser</c> (its cookies).</param>
public sealed record ErasedStream(string Stream, string FoundBy);

/// <summary>What an erasure took, without a word about whom.</summary>
/// <param name="Id">Null for a rehearsal, and when there was nothing to erase.</param>
/// <param name="Swept">Rows by table; of <c>stream_key</c> the keys that were destroyed.</param>
/// <param name="HandlersPassed">What was at work on the log and is known to be past the person's data.</param>
/// <param name="SharedStreams">Streams that stay although they share an e-mail or phone with erased ones: they name somebody else, or another address.</param>
public sealed record ErasureCertificate(
    Guid? Id,
    string Tenant,
    DateTimeOffset At,
    bool DryRun,
    IReadOnlyList<string> AskedBy,
    IReadOnlyList<ErasedStream> Streams,
    IReadOnlyDictionary<string, long> Swept,
    IReadOnlyList<string> HandlersPassed,
    int SharedStreams
);

/// <param name="Facts">The event as stored, readable part.</param>
/// <param name="Person">Its protected part, opened; null where there is none, or none any more.</param>
public sealed record ExportedEvent(
    string Heading,
    string HeadingPt,
    string Stream,
    string FoundBy,
    DateTimeOffset At,
    object Facts,
    ProtectedPerson? Person
);

public sealed record PersonExport(
    string Tenant,
    DateTimeOffset At,
    IReadOnlyList<string> AskedBy,
    IReadOnlyList<ExportedEvent> Events,
    IReadOnlyList<HeldRecord> Held
);

/// <summary>What a person may ask of us. Implemented by Privacy.</summary>
public interface IPersonRequests
{
    /// <summary>Everything that is held of a person.</summary>
    Task<PersonExport> ExportAsync(PersonRequest request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Destroys the keys of a person's streams and every look-up row. Breaking off half-way does no harm: the same request again finishes it.
    /// </summary>
    Task<ErasureCertificate> EraseAsync(PersonRequest request, bool dryRun, CancellationToken cancellationToken = default);
}

/// <summary>What was personal in this stream cannot be read any more: the stream's key was destroyed.</summary>
public sealed record PersonalDataErased(Guid ErasureId, DateTimeOffset ErasedAt);

public sealed record SweptTable(string Table, long Rows);

/// <summary>An erasure is complete. Stream <c>erasure-{id}</c>; says nothing of whom.</summary>
public sealed record PersonErased(
    Guid ErasureId,
    IReadOnlyList<string> AskedBy,
    int Streams,
    IReadOnlyList<SweptTable> Swept,
    DateTimeOffset ErasedAt
);
