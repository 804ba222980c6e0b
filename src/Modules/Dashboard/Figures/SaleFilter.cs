using System.Buffers.Text;
using System.Globalization;
using System.Text;
using TrackAi.Contracts;
using TrackAi.Dashboard.Access;

namespace TrackAi.Dashboard.Figures;

/// <summary>The filters of an address, for the page and for what is exported of it.</summary>
internal static class SaleFilter
{
    private static readonly string[] Statuses = ["sent", "waiting", "failed", "skipped", "dead"];

    /// <summary>Of the period and of the one before it.</summary>
    public static FigureScope ScopeOf(SeenTenant seen, Span span, string? gateway, string? funnel) =>
        new(seen.Slug, span.Before.From, span.To, Given(gateway), Given(funnel));

    public static SaleQuery Of(SeenTenant seen, Span span, string? gateway, string? funnel, string? status, string? search)
    {
        var (start, end) = span.Moments(seen.Zone);
        return new SaleQuery(
            seen.Slug,
            start,
            end,
            Given(gateway),
            status is not null && Statuses.Contains(status, StringComparer.Ordinal) ? status : null,
            string.IsNullOrWhiteSpace(search) ? null : Given(search),
            Given(funnel)
        );
    }

    // An address may hold what no text of Postgres can.
    private static string? Given(string? value) => string.IsNullOrEmpty(value) ? null : value.Replace("\0", "", StringComparison.Ordinal);
}

/// <summary>Where a page of sales begins, in an address. One that cannot be read is the first page.</summary>
internal static class SaleCursor
{
    public static string Write(SaleRow last) =>
        Base64Url.EncodeToString(
            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{last.ReceivedAt.UtcTicks}|{last.ConversionId}"))
        );

    public static SalePosition? Read(string? text)
    {
        try
        {
            return
                text is not null
                && Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('|', 2) is [var ticks, var id]
                && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var at)
                && at <= DateTimeOffset.MaxValue.UtcTicks
                ? new SalePosition(new DateTimeOffset(at, TimeSpan.Zero), id)
                : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
