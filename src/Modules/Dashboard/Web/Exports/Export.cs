using Microsoft.AspNetCore.Http;
using TrackAi.Dashboard.Access;
using TrackAi.Dashboard.Figures;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>What is on a page, as a table that people take away. Found by its name; a page links to it with its own filters.</summary>
internal interface IExport
{
    /// <summary>In the address, such as <c>dead-letters</c>.</summary>
    string Name { get; }

    Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken);
}

/// <summary>Whose it is, and the filters of the page's address.</summary>
internal sealed record ExportScope(SeenTenant Seen, Span Span, IQueryCollection Asked)
{
    public string Tenant => Seen.Slug;

    public string? this[string filter] => Asked[filter] is [{ Length: > 0 } first, ..] ? first : null;
}

/// <summary>Rows as they are read: one that is written is not kept.</summary>
internal sealed record ExportTable(IReadOnlyList<string> Columns, IAsyncEnumerable<IReadOnlyList<object?>> Rows)
{
    public static ExportTable Of<T>(IAsyncEnumerable<T> rows, params (string Name, Func<T, object?> Value)[] columns) =>
        new(
            [.. columns.Select(column => column.Name)],
            rows.Select(IReadOnlyList<object?> (row) => [.. columns.Select(column => column.Value(row))])
        );

    public static ExportTable Of<T>(IEnumerable<T> rows, params (string Name, Func<T, object?> Value)[] columns) =>
        Of(rows.ToAsyncEnumerable(), columns);
}
