using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>An array of objects with the columns' names. One object a line would be easier to stream and harder to open.</summary>
internal static class JsonRows
{
    private const int FlushAt = 16 * 1024;

    public static async Task WriteAsync(ExportTable table, HttpResponse response, CancellationToken cancellationToken)
    {
        response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(response.BodyWriter);
        json.WriteStartArray();
        await foreach (var row in table.Rows.WithCancellation(cancellationToken))
        {
            json.WriteStartObject();
            foreach (var (column, value) in table.Columns.Zip(row))
            {
                json.WritePropertyName(column);
                JsonSerializer.Serialize(json, value);
            }

            json.WriteEndObject();
            if (json.BytesPending < FlushAt)
                continue;
            await json.FlushAsync(cancellationToken);
            await response.BodyWriter.FlushAsync(cancellationToken);
        }

        json.WriteEndArray();
        await json.FlushAsync(cancellationToken);
    }
}
