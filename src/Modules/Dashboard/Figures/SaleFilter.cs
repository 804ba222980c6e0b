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

    public static SaleQuery Of(SeenTenant seen, Span span, string? gateway, string? status, string? search)
    {
        var (start, end) = span.Moments(seen.Zone);
        return new SaleQuery(
            seen.Slug,
            start,
            end,
            string.IsNullOrEmpty(gateway) ? null : gateway,
            status is not null && Statuses.Contains(status, StringComparer.Ordinal) ? status : null,
            string.IsNullOrWhiteSpace(search) ? null : search
        );
    }
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
