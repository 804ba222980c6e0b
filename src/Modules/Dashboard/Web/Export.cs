using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using TrackAi.Contracts;
using TrackAi.Dashboard.Access;
using TrackAi.Dashboard.Figures;

namespace TrackAi.Dashboard.Web;

/// <summary>GET /analytics/{tenant}/export/sales.csv and .json: what the page of sales shows under the same filters, all of it, a row at a time.</summary>
internal static class Export
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public static void MapExport(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/analytics/{tenant}/export/sales.csv", CsvAsync).RequireAuthorization().ExcludeFromDescription();
        endpoints.MapGet("/analytics/{tenant}/export/sales.json", JsonAsync).RequireAuthorization().ExcludeFromDescription();
    }

    private static Task CsvAsync(
        HttpContext http,
        string tenant,
        TenantAccess access,
        AuthenticationStateProvider states,
        IReadSales sales,
        TimeProvider time
    ) =>
        SendAsync(
            http,
            tenant,
            access,
            states,
            time,
            "text/csv; charset=utf-8",
            "csv",
            async (query, cancellationToken) =>
            {
                await using var writer = new StreamWriter(http.Response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
                await writer.WriteLineAsync(Csv.Header);
                await foreach (var sale in sales.StreamAsync(query, cancellationToken))
                    await writer.WriteLineAsync(Csv.Row(sale));
            }
        );

    // One object a line would be easier to stream and harder to open.
    private static Task JsonAsync(
        HttpContext http,
        string tenant,
        TenantAccess access,
        AuthenticationStateProvider states,
        IReadSales sales,
        TimeProvider time
    ) =>
        SendAsync(
            http,
            tenant,
            access,
            states,
            time,
            "application/json; charset=utf-8",
            "json",
            (query, cancellationToken) =>
                JsonSerializer.SerializeAsync(http.Response.Body, sales.StreamAsync(query, cancellationToken), Json, cancellationToken)
        );

    private static async Task SendAsync(
        HttpContext http,
        string tenant,
        TenantAccess access,
        AuthenticationStateProvider states,
        TimeProvider time,
        string type,
        string extension,
        Func<SaleQuery, CancellationToken, Task> write
    )
    {
        // A circuit is told who it is when it begins; so is a single request.
        ((IHostEnvironmentAuthenticationStateProvider)states).SetAuthenticationState(Task.FromResult(new AuthenticationState(http.User)));
        if (await access.FindAsync(tenant, http.RequestAborted) is not { } seen)
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var asked = http.Request.Query;
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(time.GetUtcNow(), seen.Zone).DateTime);
        var span = Span.Of(asked["period"], asked["from"], asked["to"], today);
        http.Response.ContentType = type;
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.ContentDisposition = string.Create(
            CultureInfo.InvariantCulture,
            $"attachment; filename=\"{seen.Slug}-{span.From:yyyy-MM-dd}-{span.To:yyyy-MM-dd}.{extension}\""
        );
        await write(SaleFilter.Of(seen, span, asked["gateway"], asked["status"], asked["search"]), http.RequestAborted);
    }
}

/// <summary>Comma-separated values that no spreadsheet takes for a formula. RFC 4180.</summary>
internal static class Csv
{
    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"\r\n\t '");

    public const string Header =
        "received_at,conversion_id,gateway,order_id,event_id,kind,state,amount,currency,product_id,matched,match_rule,click_id,dispatch_status,dispatch_reason,sent_at,utm_source,utm_campaign";

    public static string Row(SaleRow sale) =>
        string.Join(
            ',',
            Time(sale.ReceivedAt),
            Text(sale.ConversionId),
            Text(sale.Gateway),
            Text(sale.OrderId),
            sale.EventId.ToString(),
            Text(sale.Kind),
            Text(sale.State),
            sale.Amount.ToString(CultureInfo.InvariantCulture),
            Text(sale.Currency),
            Text(sale.ProductId),
            sale.Matched switch
            {
                true => "true",
                false => "false",
                null => "",
            },
            Text(sale.MatchRule),
            Text(sale.ClickId),
            Text(sale.DispatchStatus),
            Text(sale.DispatchReason),
            Time(sale.SentAt),
            Text(sale.UtmSource),
            Text(sale.UtmCampaign)
        );

    /// <summary>What a spreadsheet would compute gets an apostrophe in front. https://owasp.org/www-community/attacks/CSV_Injection</summary>
    public static string Text(string? value)
    {
        if (string.IsNullOrEmpty(value))
            return "";
        var safe = value[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '\uFF1D' or '\uFF0B' or '\uFF0D' or '\uFF20'
            ? $"'{value}"
            : value;
        return safe.AsSpan().ContainsAny(Quoted) ? $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : safe;
    }

    private static string Time(DateTimeOffset? at) =>
        at?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture) ?? "";
}
