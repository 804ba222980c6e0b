using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace TrackAi.Analytics.Projections;

internal static class Rows
{
    /// <summary>From about here on COPY is quicker, its extra round trips included.</summary>
    public const int Many = 2000;
}

/// <summary>
/// Rows as one array a column, so that one statement writes them all: <c>insert into t ({Names}) select * from {Unnest}</c>. Very many new rows go by COPY.
/// </summary>
internal sealed class Rows<T>(IReadOnlyCollection<T> rows)
{
    private readonly List<string> names = [];
    private readonly List<Func<NpgsqlParameter>> parameters = [];
    private readonly List<Action<NpgsqlBinaryImporter, T>> fields = [];

    public int Count => rows.Count;

    public string Names => string.Join(", ", names);

    public string NamesOf(string alias) => string.Join(", ", names.Select(name => $"{alias}.{name}"));

    public string Unnest => $"unnest({string.Join(", ", names.Select((_, index) => $"${index + 1}"))})";

    public Rows<T> Text(string name, Func<T, string?> value) => Add(name, value, NpgsqlDbType.Varchar);

    public Rows<T> Json(string name, Func<T, string?> value) => Add(name, value, NpgsqlDbType.Jsonb);

    public Rows<T> Bool(string name, Func<T, bool?> value) => Add(name, value, NpgsqlDbType.Boolean);

    public Rows<T> Int(string name, Func<T, int?> value) => Add(name, value, NpgsqlDbType.Integer);

    public Rows<T> Long(string name, Func<T, long?> value) => Add(name, value, NpgsqlDbType.Bigint);

    public Rows<T> Number(string name, Func<T, decimal?> value) => Add(name, value, NpgsqlDbType.Numeric);

    public Rows<T> Real(string name, Func<T, double?> value) => Add(name, value, NpgsqlDbType.Double);

    public Rows<T> Uuid(string name, Func<T, Guid> value) => Add(name, value, NpgsqlDbType.Uuid);

    public Rows<T> Date(string name, Func<T, DateOnly> value) => Add(name, value, NpgsqlDbType.Date);

    public Rows<T> Time(string name, Func<T, DateTimeOffset?> value) =>
        Add(name, row => value(row)?.ToUniversalTime(), NpgsqlDbType.TimestampTz);

    /// <summary>Adds a statement over these rows to the batch, unless there are none.</summary>
    public void WriteTo(NpgsqlBatch batch, Func<Rows<T>, string> sql)
    {
        if (Count == 0)
            return;
        var command = new NpgsqlBatchCommand(sql(this));
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter());
        batch.BatchCommands.Add(command);
    }

    /// <summary>Adds rows that are not there yet: to the batch, or at once by COPY where they are many.</summary>
    public void InsertTo(NpgsqlBatch batch, string table)
    {
        if (Count < Rows.Many)
        {
            WriteTo(batch, rows => $"insert into {table} ({rows.Names}) select * from {rows.Unnest}");
            return;
        }

        using var copy = batch.Connection!.BeginBinaryImport($"copy {table} ({Names}) from stdin (format binary)");
        foreach (var row in rows)
        {
            copy.StartRow();
            foreach (var field in fields)
                field(copy, row);
        }

        copy.Complete();
    }

    private Rows<T> Add<TValue>(string name, Func<T, TValue> value, NpgsqlDbType type)
    {
        names.Add(name);
        parameters.Add(() =>
            new NpgsqlParameter<TValue[]> { TypedValue = [.. rows.Select(value)], NpgsqlDbType = NpgsqlDbType.Array | type }
        );
        fields.Add((copy, row) => Write(copy, value(row), type));
        return this;
    }

    private static void Write<TValue>(NpgsqlBinaryImporter copy, TValue value, NpgsqlDbType type)
    {
        if (value is null)
            copy.WriteNull();
        else
            copy.Write(value, type);
    }
}

internal static class Jsonb
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static string Of<T>(T value) => JsonSerializer.Serialize(value, Options);
}

/// <summary>How an enum's member is called in tables and answers: <c>RefundRequested</c> is <c>refund_requested</c>.</summary>
internal static class Named<TEnum>
    where TEnum : struct, Enum
{
    private static readonly Dictionary<TEnum, string> Names = Enum.GetValues<TEnum>()
        .ToDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    private static readonly Dictionary<string, string> NamesOfText = Names.ToDictionary(
        pair => pair.Key.ToString(),
        pair => pair.Value,
        StringComparer.Ordinal
    );

    public static string Of(TEnum value) => Names[value];

    /// <summary>Of the member's own name, as it stands in an event; null for one there is not.</summary>
    public static string? OfText(string member) => NamesOfText.GetValueOrDefault(member);
}
