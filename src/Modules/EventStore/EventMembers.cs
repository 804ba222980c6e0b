using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Npgsql;

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
    private static string? TextAt(JsonElement element, string[] path)
    {
        foreach (var step in path)
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(step, out element))
                return null;
        return element.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.Undefined => null,
            JsonValueKind.String => element.GetString(),
            _ => element.GetRawText(),
        };
    }
}

/// <summary>
/// One event as far as a projection asked for it. What is asked for as present and is not, or is of another kind, throws
/// <see cref="UnreadableEventException"/>, which names the event and the member.
/// </summary>
public abstract class EventMembers
{
    private const string Written = "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz";

    public abstract long Sequence { get; }
    public abstract StreamId Stream { get; }
    public string TenantId => Stream.TenantId;

    /// <summary>Marten's alias, such as <c>conversion_received</c>.</summary>
    public abstract string Type { get; }

    public string? TextOrNull(EventMember member) => member.IsAsked ? Find(member) : null;

    protected abstract string? Find(EventMember member);

    public string Text(EventMember member) => !member.IsAsked ? "" : TextOrNull(member) ?? throw Unreadable(member, "is missing");

    public decimal Number(EventMember member) =>
        decimal.TryParse(Text(member), NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Unreadable(member, "is no number");

    public double? RealOrNull(EventMember member) =>
        TextOrNull(member) is not { } text ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value
        : throw Unreadable(member, "is no number");

    public int? WholeOrNull(EventMember member) =>
        TextOrNull(member) is not { } text ? null
        : int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value
        : throw Unreadable(member, "is no whole number");

    public int Whole(EventMember member) => !member.IsAsked ? 0 : WholeOrNull(member) ?? throw Unreadable(member, "is missing");

    public DateTimeOffset? TimeOrNull(EventMember member) =>
        TextOrNull(member) is not { } text ? null
        // As we write it; told exactly it is read in half the time.
        : DateTimeOffset.TryParseExact(text, Written, CultureInfo.InvariantCulture, DateTimeStyles.None, out var written) ? written
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var value) ? value
        : throw Unreadable(member, "is no time");

    public DateTimeOffset Time(EventMember member) =>
        !member.IsAsked ? default : TimeOrNull(member) ?? throw Unreadable(member, "is missing");

    public UnreadableEventException Unreadable(EventMember member, string why) =>
        new($"Event {Sequence} of type '{Type}': {member.Path} {why}.");
}

/// <summary>Members of an event that is in memory.</summary>
internal sealed class EventMemberValues(RecordedEvent recorded, string?[] values) : EventMembers
{
    public override long Sequence => recorded.Sequence;
    public override StreamId Stream => recorded.Stream;
    public override string Type => recorded.Type;

    protected override string? Find(EventMember member) => values[member.Index];
}

/// <summary>Members in the row a reader stands at: <c>seq_id, tenant_id, stream_id, version, type</c> and one column each.</summary>
internal sealed class EventMemberRow(NpgsqlDataReader row) : EventMembers
{
    private const int First = 5;

    private readonly Dictionary<string, string> known = new(StringComparer.Ordinal);
    private StreamId stream;
    private string type = "";

    public override long Sequence => row.GetInt64(0);
    public override StreamId Stream => stream;
    public long Version => row.GetInt64(3);
    public override string Type => type;

    public static string Columns(EventMemberSet members) =>
        $"e.seq_id, e.tenant_id, e.stream_id, e.version, e.type{string.Concat(members.Columns.Select(column => $", {column}"))}";

    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        if (!await row.ReadAsync(cancellationToken))
            return false;
        (stream, type) = (new StreamId(Known(row.GetString(1)), row.GetString(2)), Known(row.GetString(4)));
        return true;
    }

    protected override string? Find(EventMember member) => row.IsDBNull(First + member.Index) ? null : row.GetString(First + member.Index);

    // There are few tenants and types, and many rows that live as long as their page.
    private string Known(string text)
    {
        ref var same = ref CollectionsMarshal.GetValueRefOrAddDefault(known, text, out _);
        return same ??= text;
    }
}
