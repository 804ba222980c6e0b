using Npgsql;
using NpgsqlTypes;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics;

/// <summary>A day is a day of the tenant: midnight is where the tenant is.</summary>
internal static class TimeZones
{
    public const string Default = "America/Sao_Paulo";

    /// <summary>The default zone for one that this machine does not know.</summary>
    public static TimeZoneInfo Of(string? name) =>
        name is not null && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone)
            ? zone
            : TimeZoneInfo.FindSystemTimeZoneById(Default);

    public static DateOnly DayOf(this TimeZoneInfo zone, DateTimeOffset at) =>
        DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, zone).DateTime);

    /// <summary>The first moment of a day. Where clocks are put forward at midnight the day begins an hour late.</summary>
    public static DateTimeOffset StartOf(this TimeZoneInfo zone, DateOnly day)
    {
        var midnight = day.ToDateTime(TimeOnly.MinValue);
        while (zone.IsInvalidTime(midnight))
            midnight = midnight.AddMinutes(15);
        // Where they are put back over midnight, the day begins at the earlier of the two.
        var offset = zone.IsAmbiguousTime(midnight) ? zone.GetAmbiguousTimeOffsets(midnight).Max() : zone.GetUtcOffset(midnight);
        return new DateTimeOffset(midnight, offset).ToUniversalTime();
    }
}

/// <summary>The time zones of the tenants of one page of events, and the days they make. Each projection keeps its own table of them.</summary>
internal sealed class TenantDays
{
    private readonly Dictionary<string, TimeZoneInfo> zones = new(StringComparer.Ordinal);

    public DateOnly DayOf(string tenant, DateTimeOffset at) =>
        (zones.TryGetValue(tenant, out var zone) ? zone : TimeZones.Of(null)).DayOf(at);

    public void Learn(string tenant, string timeZone) => zones[tenant] = TimeZones.Of(timeZone);

    /// <summary>Adds the read of what is known to a batch; its rows go to <see cref="ReadAsync"/>.</summary>
    public static NpgsqlBatchCommand Select(string table, IEnumerable<string> tenants) =>
        new($"select tenant_id, time_zone from {table} where tenant_id = any($1)")
        {
            Parameters =
            {
                new()
                {
                    Value = tenants.Distinct(StringComparer.Ordinal).ToArray(),
                    NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
                },
            },
        };

    public static async Task<TenantDays> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var days = new TenantDays();
        while (await reader.ReadAsync(cancellationToken))
            days.Learn(reader.GetString(0), reader.GetString(1));
        return days;
    }

    /// <summary>As the log has them, for what is told from the log alone.</summary>
    public static async Task<TenantDays> OfLogAsync(
        IEnumerable<string> tenants,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            $"""
            select t.tenant_id, e.data ->> 'timeZone' from unnest($1) t(tenant_id)
            join {ISetProjection.Log} e on e.tenant_id = t.tenant_id and e.stream_id = '{Streams.Tenant(
                ""
            )}' || t.tenant_id and e.version = 1
            """,
            connection
        )
        {
            Parameters =
            {
                new()
                {
                    Value = tenants.Distinct(StringComparer.Ordinal).ToArray(),
                    NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
                },
            },
        };
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        return await ReadAsync(reader, cancellationToken);
    }

    public static void Write(string table, IEnumerable<(string Slug, string TimeZone)> tenants, NpgsqlBatch batch) =>
        new Rows<(string Slug, string TimeZone)>([.. tenants.DistinctBy(tenant => tenant.Slug, StringComparer.Ordinal)])
            .Text("tenant_id", tenant => tenant.Slug)
            .Text("time_zone", tenant => tenant.TimeZone)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into {table} ({rows.Names}) select * from {rows.Unnest}
                        on conflict (tenant_id) do update set time_zone = excluded.time_zone
                        """
            );
}
