using System.Globalization;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Http;

/// <summary>Whole days of a tenant, both ends included.</summary>
internal sealed record Period(DateOnly From, DateOnly To, TimeZoneInfo Zone)
{
    /// <summary>The first moment that belongs to it.</summary>
    public DateTimeOffset Start => Zone.StartOf(From);

    /// <summary>The first moment that no longer does.</summary>
    public DateTimeOffset End => Zone.StartOf(To.AddDays(1));

    public PeriodAnswer Answer => new(From, To, Zone.Id);
}

/// <summary>The days an answer is about, both included.</summary>
internal sealed record PeriodAnswer(DateOnly From, DateOnly To, string TimeZone);

/// <summary>Reads <c>period</c>, or <c>from</c> and <c>to</c>.</summary>
internal sealed class Periods(ITenantDirectory tenants, TimeProvider time)
{
    private const int MostDays = 400;

    public Period Read(string tenant, string? period, string? from, string? to)
    {
        var zone = TimeZones.Of(tenants.Find(tenant)?.TimeZone);
        if (from is null && to is null)
            return UpToToday(period ?? "30d", zone);
        if (period is not null)
            throw new InvalidQueryException("period", "give either period, or from and to.");

        var (first, last) = (Day("from", from), Day("to", to));
        if (last < first)
            throw new InvalidQueryException("to", "must not be before from.");
        if (last.DayNumber - first.DayNumber >= MostDays)
            throw new InvalidQueryException("to", $"must be less than {MostDays} days after from.");
        return new Period(first, last, zone);
    }

    // 24 hours in whole days are yesterday and today.
    private Period UpToToday(string period, TimeZoneInfo zone)
    {
        var days = period switch
        {
            "24h" => 2,
            "7d" => 7,
            "30d" => 30,
            "90d" => 90,
            _ => throw new InvalidQueryException("period", "must be 24h, 7d, 30d or 90d; for other days give from and to."),
        };
        var today = zone.DayOf(time.GetUtcNow());
        return new Period(today.AddDays(1 - days), today, zone);
    }

    private static DateOnly Day(string field, string? text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
        && day.Year is >= 2000 and < 9999
            ? day
            : throw new InvalidQueryException(field, "must be a date such as 2025-11-30; from and to go together.");
}
