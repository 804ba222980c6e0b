using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TrackAi.Host.CommandLine;

/// <summary>What most verbs need: the application over the database, not serving, and a way to print for people or for programs.</summary>
internal static class Session
{
    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON for programs." };

    /// <summary>Whether this run prints for programs: then stderr has nothing but the error, if there is one.</summary>
    public static bool IsJson { get; set; }

    private static readonly JsonSerializerOptions JsonFormat = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private static readonly JsonSerializerOptions OneLine = new(JsonFormat) { WriteIndented = false };

    /// <summary>Runs an action against the database, whose schema is prepared first.</summary>
    public static async Task<int> UseAsync(Func<IServiceProvider, Task> action, CancellationToken cancellationToken)
    {
        await using var application = await OpenAsync(cancellationToken);
        application.ValidateConfiguration();
        await application.PrepareSchemaAsync(cancellationToken);
        await action(application.Services);
        return 0;
    }

    /// <summary>
    /// Runs an action in a started application that does nothing by itself: it knows the tenants, and runs no daemon, no worker and no port that
    /// anybody knows.
    /// </summary>
    public static async Task UseStartedAsync(Func<IServiceProvider, Task> action, CancellationToken cancellationToken)
    {
        await using var application = await TrackAiApplication.BuildAsync([], Inert, cancellationToken);
        await application.StartAsync(cancellationToken);
        await action(application.Services);
    }

    /// <summary>Quiet, and doing nothing by itself.</summary>
    public static void Inert(WebApplicationBuilder builder)
    {
        Quiet(builder);
        builder.Configuration["EventStore:RunDaemon"] = "false";
        builder.Configuration["Dispatch:RunWorker"] = "false";
        builder.Configuration["Urls"] = "http://127.0.0.1:0";
    }

    /// <summary>The application without its servers and daemons, quiet on stdout.</summary>
    public static Task<TrackAiApplication> OpenAsync(CancellationToken cancellationToken) =>
        TrackAiApplication.BuildAsync([], Quiet, cancellationToken);

    /// <summary>The application beside hosts that serve: it knows the tenants, and runs nothing of theirs.</summary>
    public static async Task<TrackAiApplication> StartBesideAsync(CancellationToken cancellationToken)
    {
        var application = await TrackAiApplication.BuildAsync(
            [],
            builder =>
            {
                Quiet(builder);
                builder.Configuration["EventStore:RunDaemon"] = "false";
                builder.Configuration["Dispatch:RunWorker"] = "false";
                // PublicUrl is told from where the host listens, and that is not here.
                builder.Configuration["PublicUrl"] = PublicUrl(builder.Configuration);
                builder.Configuration["Urls"] = "http://127.0.0.1:0";
            },
            cancellationToken
        );
        await application.StartAsync(cancellationToken);
        return application;
    }

    /// <summary>The host as browsers and gateways reach it: <c>PublicUrl</c>, else where it listens.</summary>
    public static string PublicUrl(IConfiguration configuration) =>
        configuration["PublicUrl"] is { Length: > 0 } set ? set
        : configuration["Urls"] is { Length: > 0 } urls ? urls.Split(';')[0]
        : "http://127.0.0.1:3001";

    /// <summary>Logs on stderr, and only what is wrong.</summary>
    public static void Quiet(WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Configuration["Logging:Console:FormatterName"] = "simple";
        var level = IsJson ? nameof(LogLevel.None) : nameof(LogLevel.Warning);
        builder.Configuration["Logging:LogLevel:Default"] = level;
        builder.Configuration["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = level;
    }

    /// <summary>Prints a value as JSON or lets people's text be printed.</summary>
    public static void Print<T>(ParseResult parsed, T value, Action<T> forPeople)
    {
        if (parsed.GetValue(Json))
            PrintJson(value);
        else
            forPeople(value);
    }

    /// <summary>On one line.</summary>
    public static string ToJsonLine<T>(T value) => JsonSerializer.Serialize(value, OneLine);

    public static void PrintJson<T>(T value) => Console.WriteLine(JsonSerializer.Serialize(value, JsonFormat));

    /// <summary>One line of the terminal; whole where something else reads it.</summary>
    public static string Fitted(string line) =>
        Console.IsOutputRedirected || Console.WindowWidth is not (> 20 and var width) || line.Length < width
            ? line
            : $"{line[..(width - 2)]}…";

    /// <summary>Columns as wide as their widest cell.</summary>
    public static void Table(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = header.Select((title, column) => rows.Select(row => row[column].Length).Append(title.Length).Max()).ToArray();
        foreach (var row in rows.Prepend(header))
            Console.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }
}
