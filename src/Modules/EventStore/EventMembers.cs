using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Npgsql;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore;

/// <summary>A member of an event's JSON, such as <c>gateway</c> or <c>value.amount</c>.</summary>
public readonly record struct EventMember(int Index, string Path)
{
    /// <summary>Is not looked for: empty, null, zero or the beginning of time in every event.</summary>
    public static readonly EventMember NotAsked = new(-1, "");

    public bool IsAsked => Index >= 0;
}

/// <summary>The members a projection asks for.</summary>
public sealed class EventMemberSet
{
    private readonly List<string[]> paths = [];

    public EventMember Add(string path)
    {
        if (path.Length == 0 || !path.All(character => char.IsAsciiLetterOrDigit(character) || character == '.'))
            throw new ArgumentException($"'{path}' is no path of members, such as value.amount.", nameof(path));
        paths.Add(path.Split('.'));
        return new EventMember(paths.Count - 1, path);
    }

    internal int Count => paths.Count;

    /// <summary>The select list: each member as text.</summary>
    internal IEnumerable<string> Columns =>
        paths.Select(path => $"e.data{string.Concat(path[..^1].Select(step => $"->'{step}'"))}->>'{path[^1]}'");

    internal EventMembers Of(RecordedEvent recorded)
    {
        using var document = Parse(recorded);
        return new EventMemberValues(recorded, [.. paths.Select(path => TextAt(document.RootElement, path))]);
    }

    private static JsonDocument Parse(RecordedEvent recorded)
    {
        try
        {
            return JsonDocument.Parse(recorded.Json);
        }
        catch (JsonException exception)
        {
            throw new UnreadableEventException($"Event {recorded.Sequence} of type '{recorded.Type}' is no JSON.", exception);
        }
    }

    // As Postgres' ->> has it.
    private static byte[]? TextAt(JsonElement element, string[] path)
    {
        foreach (var step in path)
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(step, out element))
                return null;
        return element.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.Undefined => null,
            JsonValueKind.String => Encoding.UTF8.GetBytes(element.GetString()!),
            _ => JsonMarshal.GetRawUtf8Value(element).ToArray(),
        };
    }
}

/// <summary>
/// One event as far as a projection asked for it. What is asked for as present and is not, or is of another kind, throws
/// <see cref="UnreadableEventException"/>, which names the event and the member.
/// </summary>
public abstract class EventMembers
{
    // As we write it; told exactly it is read in half the time.
    private const string Written = "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz";
    private const int LongestTime = 64;

    public abstract long Sequence { get; }
    public abstract StreamId Stream { get; }
    public string TenantId => Stream.TenantId;

    /// <summary>In its stream, from 1.</summary>
    internal abstract long Version { get; }

    /// <summary>Marten's alias, such as <c>conversion_received</c>.</summary>
    public abstract string Type { get; }

    public string? TextOrNull(EventMember member) => TryFind(member, out var utf8) ? TextOf(utf8) : null;

    /// <summary>The member's text in UTF-8; false where the event has none.</summary>
    private protected abstract bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8);

    private protected virtual string TextOf(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    public string Text(EventMember member) => !member.IsAsked ? "" : TextOrNull(member) ?? throw Unreadable(member, "is missing");

    public decimal Number(EventMember member) =>
        decimal.TryParse(
            TryFind(member, out var utf8) ? utf8 : throw Unreadable(member, "is missing"),
            NumberStyles.Float,
            CultureInfo.InvariantCulture,
            out var value
        )
            ? value
            : throw Unreadable(member, "is no number");

    public double? RealOrNull(EventMember member) =>
        !TryFind(member, out var utf8) ? null
        : double.TryParse(utf8, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value
        : throw Unreadable(member, "is no number");

    public int? WholeOrNull(EventMember member) =>
        !TryFind(member, out var utf8) ? null
        : int.TryParse(utf8, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value
        : throw Unreadable(member, "is no whole number");

    public int Whole(EventMember member) => !member.IsAsked ? 0 : WholeOrNull(member) ?? throw Unreadable(member, "is missing");

    public DateTimeOffset? TimeOrNull(EventMember member)
    {
        if (!TryFind(member, out var utf8))
            return null;
        Span<char> text = stackalloc char[LongestTime];
        return utf8.Length <= text.Length && TryParse(text[..Encoding.UTF8.GetChars(utf8, text)], out var time)
            ? time
            : throw Unreadable(member, "is no time");
    }

    private static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time) =>
        DateTimeOffset.TryParseExact(text, Written, CultureInfo.InvariantCulture, DateTimeStyles.None, out time)
        || DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time);

    public DateTimeOffset Time(EventMember member) =>
        !member.IsAsked ? default : TimeOrNull(member) ?? throw Unreadable(member, "is missing");

    public UnreadableEventException Unreadable(EventMember member, string why) =>
        new($"Event {Sequence} of type '{Type}': {member.Path} {why}.");

    private bool TryFind(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        utf8 = default;
        return member.IsAsked && TryGet(member, out utf8);
    }
}

/// <summary>Members of an event that is in memory.</summary>
internal sealed class EventMemberValues(RecordedEvent recorded, byte[]?[] values) : EventMembers
{
    public override long Sequence => recorded.Sequence;
    public override StreamId Stream => recorded.Stream;
    public override string Type => recorded.Type;
    internal override long Version => recorded.Version;

    private protected override bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        utf8 = values[member.Index];
        return values[member.Index] is not null;
    }
}

/// <summary>Members in the row that is read: <c>seq_id, tenant_id, stream_id, version, type</c> and one column each.</summary>
internal abstract class EventMemberRow : EventMembers
{
    protected const int First = 5;

    private readonly KnownTexts known = new();
    private long sequence;
    private StreamId stream;
    private long version;
    private string type = "";

    public override long Sequence => sequence;
    public override StreamId Stream => stream;
    public override string Type => type;
    internal override long Version => version;

    public static string Columns(EventMemberSet members) =>
        $"e.seq_id, e.tenant_id, e.stream_id, e.version, e.type{string.Concat(members.Columns.Select(column => $", {column}"))}";

    public static int CountOf(EventMemberSet members) => First + members.Count;

    public abstract ValueTask<bool> ReadAsync(CancellationToken cancellationToken);

    // There are few tenants and types, and many rows that live as long as their page.
    protected void Stand(long sequence, ReadOnlySpan<byte> tenant, ReadOnlySpan<byte> stream, long version, ReadOnlySpan<byte> type) =>
        (this.sequence, this.stream, this.version, this.type) = (
            sequence,
            new StreamId(known.Of(tenant), Encoding.UTF8.GetString(stream)),
            version,
            known.Of(type)
        );

    private protected override string TextOf(ReadOnlySpan<byte> utf8) => known.Of(utf8);
}

/// <summary>Of a statement with parameters.</summary>
internal sealed class QueriedEventMembers(NpgsqlDataReader row) : EventMemberRow
{
    public override async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        if (!await row.ReadAsync(cancellationToken))
            return false;
        Stand(row.GetInt64(0), Bytes(1), Bytes(2), row.GetInt64(3), Bytes(4));
        return true;
    }

    private protected override bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        var isThere = !row.IsDBNull(First + member.Index);
        utf8 = isThere ? Bytes(First + member.Index) : default;
        return isThere;
    }

    private byte[] Bytes(int column) => row.GetFieldValue<byte[]>(column);
}

/// <summary>Of very many rows.</summary>
internal sealed class CopiedEventMembers(CopiedRows row) : EventMemberRow
{
    public override async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        if (!await row.ReadAsync(cancellationToken))
            return false;
        Stand(row.Bigint(0), row[1], row[2], row.Bigint(3), row[4]);
        return true;
    }

    private protected override bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        var isThere = !row.IsNull(First + member.Index);
        utf8 = isThere ? row[First + member.Index] : default;
        return isThere;
    }
}
