using System.Text;
using System.Text.Json;
using System.Web;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// Bodies of deliveries that were not understood or wait for another one, as far as they name a person. They are few and kept for days, so each is opened and looked through:
/// whatever in it reads as an e-mail, a phone or an order is compared.
/// </summary>
internal sealed class PeopleInDeliveries(NpgsqlDataSource database, IPersonalData people) : IHoldPersonalData
{
    private const string Kept = "kept_delivery";
    private const string Held = "held_delivery";
    private const string Names = "sale_name";
    private const int LongestValue = 320;

    public IReadOnlyList<string> Tables { get; } = [Kept, Held, Names];

    public async Task<IReadOnlyCollection<string>> FindStreamsAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        var wanted = traces.Hashes.Select(Convert.ToHexString).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. (await ReadAsync(traces.TenantId, streams: null, cancellationToken))
                .Where(one => Values(one.Body).Any(value => HashesOf(traces.TenantId, value).Any(wanted.Contains)))
                .Select(one => one.StreamId),
        ];
    }

    public async Task<IReadOnlyList<HeldRecord>> ExportAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        var held = (await ReadAsync(traces.TenantId, traces.Streams, cancellationToken)).Select(one => new HeldRecord(
            one.Table,
            one.Table == Kept
                ? "A message of the payment gateway that was not understood, as it came"
                : "A message of the payment gateway that waits for another one, as it came",
            new
            {
                one.StreamId,
                one.ReceivedAt,
                Body = Encoding.UTF8.GetString(one.Body),
            }
        ));
        await using var count = database.CreateCommand(
            "select count(*) from sale_name where tenant_id = $1 and trace is not null and gateway || '-' || order_id = any ($2)"
        );
        count.Parameters.AddRange(
            new NpgsqlParameter[]
            {
                new() { Value = traces.TenantId },
                Varchars(ConversionsIn(traces)),
            }
        );
        var traced = (int)(long)(await count.ExecuteScalarAsync(cancellationToken))!;
        return
        [
            .. held,
            .. Enumerable.Repeat(
                new HeldRecord(Names, "What another message about the same payment is recognised by (a keyed hash)", new { }),
                traced
            ),
        ];
    }

    // A delivery that waits for another one goes with the rest: it was not a sale yet.
    public async Task<IReadOnlyDictionary<string, long>> EraseAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        await using var delete = database.CreateCommand(
            """
            with kept as (delete from kept_delivery where tenant_id = $1 and stream_id = any ($2) returning 1),
                 held as (delete from held_delivery where tenant_id = $1 and stream_id = any ($2) returning 1),
                 names as (
                     update sale_name set trace = null
                     where tenant_id = $1 and trace is not null and gateway || '-' || order_id = any ($3)
                     returning 1
                 )
            select (select count(*) from kept), (select count(*) from held), (select count(*) from names)
            """
        );
        delete.Parameters.AddRange(
            new NpgsqlParameter[]
            {
                new() { Value = traces.TenantId },
                Varchars(traces.Streams),
                Varchars(ConversionsIn(traces)),
            }
        );
        await using var reader = await delete.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return Tables
            .Select((table, column) => (table, Rows: reader.GetInt64(column)))
            .ToDictionary(one => one.table, one => one.Rows, StringComparer.Ordinal);
    }

    private static string[] ConversionsIn(PersonTraces traces) => [.. traces.Streams.Select(Streams.ConversionOf).OfType<string>()];

    private async Task<IReadOnlyList<(string Table, string StreamId, DateTimeOffset ReceivedAt, byte[] Body)>> ReadAsync(
        string tenant,
        IReadOnlyCollection<string>? streams,
        CancellationToken cancellationToken
    )
    {
        await using var select = database.CreateCommand(
            """
            select 'kept_delivery', stream_id, received_at, body from kept_delivery
            where tenant_id = $1 and ($2::varchar[] is null or stream_id = any ($2))
            union all
            select 'held_delivery', stream_id, received_at, body from held_delivery
            where tenant_id = $1 and ($2::varchar[] is null or stream_id = any ($2))
            """
        );
        select.Parameters.AddRange(
            new NpgsqlParameter[]
            {
                new() { Value = tenant },
                Varchars(streams),
            }
        );
        var rows = new List<(string Table, string StreamId, DateTimeOffset ReceivedAt, string Body)>();
        await using (var reader = await select.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
                rows.Add((reader.GetString(0), reader.GetString(1), reader.GetFieldValue<DateTimeOffset>(2), reader.GetString(3)));
        }

        var opened = await people.OpenContentAsync(
            [.. rows.Select(row => new ProtectedPart(tenant, row.StreamId, row.Body))],
            cancellationToken
        );
        return
        [
            .. rows.Zip(opened)
                .Where(pair => pair.Second is not null)
                .Select(pair => (pair.First.Table, pair.First.StreamId, pair.First.ReceivedAt, pair.Second!)),
        ];
    }

    private IEnumerable<string> HashesOf(string tenant, string value) =>
        people
            .TracesOf(tenant, new Person { Email = value, Phone = value })
            .Append(people.LookupHash(tenant, "order", value))
            .Select(Convert.ToHexString);

    /// <summary>Every value, and neighbours together: an area code and a number often stand apart.</summary>
    private static IEnumerable<string> Values(byte[] body)
    {
        var values = (InJson(body) ?? InForm(Encoding.UTF8.GetString(body)))
            .Where(value => value.Length is > 0 and <= LongestValue)
            .ToArray();
        for (var index = 0; index < values.Length; index++)
        {
            yield return values[index];
            var together = values[index];
            for (var next = index + 1; next < Math.Min(index + 3, values.Length) && values[next].Any(char.IsAsciiDigit); next++)
                yield return together += values[next];
        }
    }

    private static List<string>? InJson(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var values = new List<string>();
            Collect(document.RootElement, values);
            return values;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static void Collect(JsonElement element, List<string> values)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                    Collect(member.Value, values);
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    Collect(item, values);
                break;
            case JsonValueKind.String:
                values.Add(element.GetString()!);
                break;
            case JsonValueKind.Number:
                values.Add(element.GetRawText());
                break;
        }
    }

    private static IEnumerable<string> InForm(string text) =>
        text.Split(['&', '=', '"', '\'', ',', ';', '<', '>', '\r', '\n', '\t'])
            .Select(HttpUtility.UrlDecode)
            .Select(value => value!.Trim());

    private static NpgsqlParameter Varchars(IReadOnlyCollection<string>? values) =>
        new() { Value = (object?)values?.ToArray() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };
}
