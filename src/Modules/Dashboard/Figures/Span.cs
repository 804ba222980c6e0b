using System.Globalization;

namespace TrackAi.Dashboard.Figures;

/// <summary>Whole days of a tenant, both ends included, as the address of a page names them.</summary>
internal sealed record Span(string Name, DateOnly From, DateOnly To)
{
    public static readonly IReadOnlyList<string> Names = ["24h", "7d", "30d", "90d"];
    private const string Usual = "7d";
    private const string Custom = "custom";
    private const int MostDays = 400;

    public int Days => To.DayNumber - From.DayNumber + 1;

    public IEnumerable<DateOnly> All => Enumerable.Range(0, Days).Select(From.AddDays);

    /// <summary>As long, and right before.</summary>
    public Span Before => new(Custom, From.AddDays(-Days), From.AddDays(-1));

    public bool Contains(DateOnly day) => day >= From && day <= To;

    /// <summary>The first moment that belongs to it, and the first that no longer does.</summary>
    public (DateTimeOffset Start, DateTimeOffset End) Moments(TimeZoneInfo zone) => (StartOf(From, zone), StartOf(To.AddDays(1), zone));

    /// <summary>What cannot be understood is the usual period: an address is no form.</summary>
    public static Span Of(string? period, string? from, string? to, DateOnly today)
    {
        if (Day(from) is { } first && Day(to) is { } last && first <= last && last.DayNumber - first.DayNumber < MostDays)
            return new(Custom, first, last);
        var name = period is not null && Names.Contains(period, StringComparer.Ordinal) ? period : Usual;
        // 24 hours in whole days are yesterday and today.
        var days = name switch
        {
            "24h" => 2,
            "30d" => 30,
            "90d" => 90,
            _ => 7,
        };
        return new(name, today.AddDays(1 - days), today);
    }

    // Where clocks are put forward at midnight, the day begins an hour late.
    private static DateTimeOffset StartOf(DateOnly day, TimeZoneInfo zone)
    {
        var midnight = day.ToDateTime(TimeOnly.MinValue);
        while (zone.IsInvalidTime(midnight))
            midnight = midnight.AddMinutes(15);
        var offset = zone.IsAmbiguousTime(midnight) ? zone.GetAmbiguousTimeOffsets(midnight).Max() : zone.GetUtcOffset(midnight);
        return new DateTimeOffset(midnight, offset).ToUniversalTime();
    }

    private static DateOnly? Day(string? text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
        && day.Year is >= 2000 and < 9000
            ? day
            : null;
}
