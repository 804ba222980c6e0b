using System.Buffers.Binary;
using Npgsql;

namespace TrackAi.EventStore.Reading;

/// <summary>
/// The rows of a statement as <c>copy (…) to stdout (format binary)</c> sends them (PostgreSQL's documentation, "COPY", binary format): each field stays the
/// bytes it came as until somebody asks for it, which is half of what a row of a data reader costs. The statement has no parameters.
/// </summary>
internal sealed class CopiedRows : IAsyncDisposable
{
    private const int Signature = 11;
    private const int Header = Signature + 2 * sizeof(int);
    private const int Start = 256 * 1024;

    private readonly NpgsqlRawCopyStream stream;
    private readonly (int From, int Length)[] fields;
    private byte[] buffer = new byte[Start];
    private int next;
    private int filled;

    private CopiedRows(NpgsqlRawCopyStream stream, int fieldCount) =>
        (this.stream, fields) = (stream, new (int From, int Length)[fieldCount]);

    public static async Task<CopiedRows> OpenAsync(
        NpgsqlConnection connection,
        string select,
        int fieldCount,
        CancellationToken cancellationToken
    )
    {
        var rows = new CopiedRows(
            await connection.BeginRawBinaryCopyAsync($"copy ({select}) to stdout (format binary)", cancellationToken),
            fieldCount
        );
        await rows.HasAsync(Header, cancellationToken);
        // What a later version of the format adds to its header.
        var extension = BinaryPrimitives.ReadInt32BigEndian(rows.buffer.AsSpan(Signature + sizeof(int)));
        await rows.HasAsync(Header + extension, cancellationToken);
        rows.next += Header + extension;
        return rows;
    }

    public bool IsNull(int field) => fields[field].Length < 0;

    /// <summary>Valid until the next row is read.</summary>
    public ReadOnlySpan<byte> this[int field] => buffer.AsSpan(fields[field].From, fields[field].Length);

    public long Bigint(int field) => BinaryPrimitives.ReadInt64BigEndian(this[field]);

    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        int needed;
        while ((needed = Parse()) > 0)
            await HasAsync(needed, cancellationToken);
        if (needed == 0)
            return true;
        // Read to its end, the connection is free again.
        while (await stream.ReadAsync(buffer, cancellationToken) > 0) { }
        return false;
    }

    /// <summary>Finds the fields of the next row: 0, or how many bytes are needed to know more; less after the last row.</summary>
    private int Parse()
    {
        var rest = buffer.AsSpan(next, filled - next);
        var at = sizeof(short);
        if (rest.Length < at)
            return at;
        var count = BinaryPrimitives.ReadInt16BigEndian(rest);
        if (count < 0)
            return -1;
        for (var field = 0; field < count; field++)
        {
            if (rest.Length < at + sizeof(int))
                return at + sizeof(int);
            var length = BinaryPrimitives.ReadInt32BigEndian(rest[at..]);
            at += sizeof(int);
            fields[field] = (next + at, length);
            at += Math.Max(length, 0);
        }

        if (rest.Length < at)
            return at;
        next += at;
        return 0;
    }

    /// <summary>So many bytes from the next row on are in the buffer afterwards, and what else has come.</summary>
    private async ValueTask HasAsync(int needed, CancellationToken cancellationToken)
    {
        if (next + needed > buffer.Length)
            MakeRoom(needed);
        while (filled - next < needed)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(filled), cancellationToken);
            if (read == 0)
                throw new EndOfStreamException("Postgres ended a COPY in the middle of a row.");
            filled += read;
        }
    }

    private void MakeRoom(int needed)
    {
        var into = needed > buffer.Length ? new byte[Math.Max(needed, 2 * buffer.Length)] : buffer;
        buffer.AsSpan(next, filled - next).CopyTo(into);
        (buffer, filled, next) = (into, filled - next, 0);
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();
}
