using System.Buffers.Binary;
using System.Text;
using Npgsql;

namespace TrackAi.EventStore.Reading;

/// <summary>Members of an event that is in memory.</summary>
internal sealed class EventMemberValues(RecordedEvent recorded, AskedMembers asked) : EventMembers
{
    private readonly byte[]?[] values = asked.Of(recorded);

    public override long Sequence => recorded.Sequence;
    public override StreamId Stream => recorded.Stream;
    public override string Type => recorded.Type;
    internal override long Version => recorded.Version;

    private protected override bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        var value = values[asked.PlaceOf(member)];
        utf8 = value;
        return value is not null;
    }
}

/// <summary>Members in the row that is read: where the event stands, and what its type is asked for in an array.</summary>
internal abstract class EventMemberRow(IReadOnlyDictionary<string, AskedMembers> asked) : EventMembers
{
    protected const int Members = 5;

    private readonly KnownTexts known = new();
    private AskedMembers here = new([]);
    private long sequence;
    private StreamId stream;
    private long version;
    private string type = "";

    public override long Sequence => sequence;
    public override StreamId Stream => stream;
    public override string Type => type;
    internal override long Version => version;

    /// <summary>The select list over <c>mt_events e</c>.</summary>
    public static string Columns(IReadOnlyDictionary<string, AskedMembers> asked) =>
        $"e.seq_id, e.tenant_id, e.stream_id, e.version, e.type, case e.type {string.Concat(asked.Select(one => $"when '{one.Key}' then {one.Value.Sql} "))}end";

    public static int ColumnCount => Members + 1;

    public abstract ValueTask<bool> ReadAsync(CancellationToken cancellationToken);

    // There are few tenants and types, and many rows that live as long as their page.
    protected void Stand(long sequence, ReadOnlySpan<byte> tenant, ReadOnlySpan<byte> stream, long version, ReadOnlySpan<byte> type)
    {
        (this.sequence, this.stream, this.version, this.type) = (
            sequence,
            new StreamId(known.Of(tenant), Encoding.UTF8.GetString(stream)),
            version,
            known.Of(type)
        );
        here = asked[this.type];
    }

    protected int PlaceOf(EventMember member) => here.PlaceOf(member);

    private protected override string TextOf(ReadOnlySpan<byte> utf8) => known.Of(utf8);
}

/// <summary>Of a statement with parameters.</summary>
internal sealed class QueriedEventMembers(NpgsqlDataReader row, IReadOnlyDictionary<string, AskedMembers> asked) : EventMemberRow(asked)
{
    private string?[] values = [];

    public override async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        if (!await row.ReadAsync(cancellationToken))
            return false;
        Stand(row.GetInt64(0), Bytes(1), Bytes(2), row.GetInt64(3), Bytes(4));
        values = row.GetFieldValue<string?[]>(Members);
        return true;
    }

    private protected override bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        var value = values[PlaceOf(member)];
        utf8 = value is null ? default : Encoding.UTF8.GetBytes(value);
        return value is not null;
    }

    private byte[] Bytes(int column) => row.GetFieldValue<byte[]>(column);
}

/// <summary>Of very many rows.</summary>
internal sealed class CopiedEventMembers(CopiedRows row, IReadOnlyDictionary<string, AskedMembers> asked) : EventMemberRow(asked)
{
    // An array in binary: dimensions, whether it has nulls, the type; length and lower bound of its one dimension; then each element with its length in front.
    private const int Header = 5 * sizeof(int);

    private readonly (int From, int Length)[] values = new (int, int)[asked.Values.Select(one => one.Count).DefaultIfEmpty(0).Max()];

    public override async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        if (!await row.ReadAsync(cancellationToken))
            return false;
        Stand(row.Bigint(0), row[1], row[2], row.Bigint(3), row[4]);
        FindValues(row[Members]);
        return true;
    }

    private protected override bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        var (from, length) = values[PlaceOf(member)];
        utf8 = length < 0 ? default : row[Members].Slice(from, length);
        return length >= 0;
    }

    private void FindValues(ReadOnlySpan<byte> array)
    {
        var at = Header;
        for (var place = 0; at < array.Length; place++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(array[at..]);
            at += sizeof(int);
            values[place] = (at, length);
            at += Math.Max(length, 0);
        }
    }
}
