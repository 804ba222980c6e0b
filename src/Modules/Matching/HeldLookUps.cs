using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>The look-ups as far as they are one person's: their clicks, and every key that leads to them.</summary>
internal sealed class HeldLookUps(NpgsqlDataSource database, IPersonalData people) : IHoldPersonalData
{
    public IReadOnlyList<string> Tables { get; } = ["match_key", "match_link", "match_open", "match_consent"];

    public async Task<IReadOnlyCollection<string>> FindStreamsAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        // Rules, so that the index serves.
        await using var select = database.CreateCommand(
            """
            select distinct click_id from match_key
            where tenant_id = $1 and rule = any (array[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]::smallint[]) and hash = any ($2)
            """
        );
        select.Parameters.AddRange(
            new NpgsqlParameter[]
            {
                new() { Value = traces.TenantId },
                new() { Value = traces.Hashes.ToArray() },
            }
        );
        var streams = new List<string>();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            streams.Add(Streams.Click(reader.GetString(0)));
        return streams;
    }

    public async Task<IReadOnlyList<HeldRecord>> ExportAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        var held = new List<HeldRecord>();
        await using var command = database.CreateCommand(
            """
            select 'match_key', click_id, clicked_at, rule, null::bool from match_key where tenant_id = $1 and (hash = any ($2) or click_id = any ($3))
            union all
            select 'match_link', coalesce(conversion_id, ''), at, rule, null from match_link
            where tenant_id = $1 and (
                conversion_id = any ($4)
                or position in (select position from match_link where tenant_id = $1 and (hash = any ($2) or hash = any ($5)))
            )
            union all
            select 'match_open', conversion_id, at, rule, null from match_open where tenant_id = $1 and (hash = any ($2) or conversion_id = any ($4))
            union all
            select 'match_consent', null, null, null, consent from match_consent where tenant_id = $1 and hash = any ($2)
            """
        );
        command.Parameters.AddRange(Parameters(traces));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            held.Add(
                reader.GetString(0) switch
                {
                    "match_key" => new HeldRecord(
                        "match_key",
                        "A click that purchases are compared with is recognised by this (kept as a keyed hash)",
                        new
                        {
                            Click = reader.GetString(1),
                            ClickedAt = reader.GetFieldValue<DateTimeOffset>(2),
                            RecognisedBy = $"{(MatchRule)reader.GetInt16(3)}",
                        }
                    ),
                    "match_link" => new HeldRecord(
                        "match_link",
                        "What was told together by a visit or a purchase (kept as keyed hashes)",
                        new
                        {
                            Purchase = reader.GetString(1),
                            At = reader.GetFieldValue<DateTimeOffset>(2),
                            RecognisedBy = $"{(MatchRule)reader.GetInt16(3)}",
                        }
                    ),
                    "match_open" => new HeldRecord(
                        "match_open",
                        "A purchase for which a click may still come late (kept as a keyed hash)",
                        new { Purchase = reader.GetString(1), RecognisedBy = $"{(MatchRule)reader.GetInt16(3)}" }
                    ),
                    _ => new HeldRecord("match_consent", "What was said about being reported", new { Consent = reader.GetBoolean(4) }),
                }
            );
        return held;
    }

    // A click's keys are found by the click, too: the tenant's are looked through once for that.
    public async Task<IReadOnlyDictionary<string, long>> EraseAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with keys as (delete from match_key where tenant_id = $1 and (hash = any ($2) or click_id = any ($3)) returning 1),
                 -- All rows of what was told together: each has the others in it.
                 links as (
                     delete from match_link where tenant_id = $1 and (
                         conversion_id = any ($4)
                         or position in (select position from match_link where tenant_id = $1 and (hash = any ($2) or hash = any ($5)))
                     ) returning 1
                 ),
                 sales as (delete from match_open where tenant_id = $1 and (hash = any ($2) or conversion_id = any ($4)) returning 1),
                 consents as (delete from match_consent where tenant_id = $1 and hash = any ($2) returning 1)
            select (select count(*) from keys), (select count(*) from links), (select count(*) from sales), (select count(*) from consents)
            """
        );
        command.Parameters.AddRange(Parameters(traces));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return Tables
            .Select((table, column) => (table, Rows: reader.GetInt64(column)))
            .ToDictionary(one => one.table, one => one.Rows, StringComparer.Ordinal);
    }

    private NpgsqlParameter[] Parameters(PersonTraces traces)
    {
        var clicks = traces.Streams.Select(Streams.ClickOf).OfType<string>().ToArray();
        return
        [
            new() { Value = traces.TenantId },
            new() { Value = traces.Hashes.Concat(clicks.Select(click => Consents.ClickKey(people, traces.TenantId, click))).ToArray() },
            RoundTrip.Varchars(clicks),
            RoundTrip.Varchars(traces.Streams.Select(Streams.ConversionOf).OfType<string>()),
            RoundTrip.Hashes(clicks.Select(click => Keys.OfToken(traces.TenantId, click).Hash)),
        ];
    }
}
