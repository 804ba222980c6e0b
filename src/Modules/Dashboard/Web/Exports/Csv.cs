using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>Comma-separated values that no spreadsheet takes for a formula. RFC 4180.</summary>
internal static class Csv
{
    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"\r\n\t '");

    public static async Task WriteAsync(ExportTable table, HttpResponse response, CancellationToken cancellationToken)
    {
        response.ContentType = "text/csv; charset=utf-8";
        await using var writer = new StreamWriter(response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        await writer.WriteLineAsync(Line(table.Columns));
        await foreach (var row in table.Rows.WithCancellation(cancellationToken))
            await writer.WriteLineAsync(Line(row));
    }

    public static string Line(IEnumerable<object?> cells) => string.Join(',', cells.Select(Cell));

    private static string Cell(object? value) =>
        value switch
        {
            null => "",
            bool truth => truth ? "true" : "false",
            DateTimeOffset at => at.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            string text => Text(text),
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            var other => throw new InvalidOperationException($"No cell can be made of a {other.GetType().Name}."),
        };

    // What a spreadsheet would compute gets an apostrophe in front. https://owasp.org/www-community/attacks/CSV_Injection
    private static string Text(string value)
    {
        if (value.Length == 0)
            return "";
        var safe = value[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '\uFF1D' or '\uFF0B' or '\uFF0D' or '\uFF20'
            ? $"'{value}"
            : value;
        return safe.AsSpan().ContainsAny(Quoted) ? $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : safe;
    }
}
