using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Analytics.Projections;

namespace TrackAi.Analytics.Days;

/// <summary>
/// What tells one cell of a day from another, once for all days and tenants, under a number that follows from the words (<c>figure_cell_id</c>): the first
/// eight bytes of SHA-256 over the words, each with its length in front. So a number means the same in every database, and a rebuild comes to the same rows.
/// Rows are added and never changed.
/// </summary>
/// <param name="table">Its name; live and rebuilt tables share it.</param>
/// <param name="words">The columns behind the number, as text.</param>
/// <param name="columns">The same, as they are written.</param>
/// <param name="read">And as they are read, from column 1 on.</param>
internal sealed class CellTable<TCell>(
    string table,
    Func<TCell, string[]> words,
    Func<Rows<KeyValuePair<long, TCell>>, Rows<KeyValuePair<long, TCell>>> columns,
    Func<NpgsqlDataReader, TCell> read
)
    where TCell : notnull
{
    // Campaigns are in some of them, and have any name; of others there are a few thousand.
    private const int MostKnown = 20_000;

    private readonly ConcurrentDictionary<long, TCell> known = [];
    private readonly ConcurrentDictionary<TCell, long> ids = [];

    public long IdOf(TCell cell)
    {
        if (ids.TryGetValue(cell, out var id))
            return id;
        var text = string.Concat(words(cell).Select(word => $"{Encoding.UTF8.GetByteCount(word)}:{word}"));
        id = BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        Know(id, cell);
        return id;
    }

    /// <summary>Adds those that are not there yet.</summary>
    public void WriteTo(NpgsqlBatch batch, IEnumerable<TCell> cells) =>
        columns(
                new Rows<KeyValuePair<long, TCell>>([
                    .. cells.Distinct().Select(cell => KeyValuePair.Create(IdOf(cell), cell)).OrderBy(one => one.Key),
                ]).Long("id", one => one.Key)
            )
            // In one order, so that two who add the same wait for each other and never in a circle.
            .WriteTo(
                batch,
                rows => $"insert into public.{table} ({rows.Names}) select * from {rows.Unnest} order by 1 on conflict (id) do nothing"
            );

    /// <summary>The cells of these numbers.</summary>
    public async Task<IReadOnlyDictionary<long, TCell>> FindAsync(
        IEnumerable<long> numbers,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var found = new Dictionary<long, TCell>();
        var unknown = new HashSet<long>();
        foreach (var id in numbers)
            if (found.ContainsKey(id))
                continue;
            else if (known.TryGetValue(id, out var cell))
                found.Add(id, cell);
            else
                unknown.Add(id);
        if (unknown.Count == 0)
            return found;

        var names = columns(new Rows<KeyValuePair<long, TCell>>([])).Names;
        await using var select = new NpgsqlCommand($"select id, {names} from public.{table} where id = any ($1)", connection)
        {
            Parameters =
            {
                new() { Value = unknown.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            },
        };
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var (id, cell) = (row.GetInt64(0), read(row));
            found.Add(id, cell);
            Know(id, cell);
        }

        unknown.ExceptWith(found.Keys);
        return unknown.Count == 0
            ? found
            : throw new InvalidOperationException(
                $"{table} has no cell {unknown.First()}, which a day refers to: something else deleted it. Rebuild DispatchSummary and MatchReasons."
            );
    }

    private void Know(long id, TCell cell)
    {
        if (ids.Count >= MostKnown)
        {
            known.Clear();
            ids.Clear();
        }

        known[id] = cell;
        ids[cell] = id;
    }
}
