using System.Security.Cryptography;
using Npgsql;
using TrackAi.Privacy;
using TrackAi.PrivateCluster;

namespace TrackAi.Host;

/// <summary>
/// Where the data is: the Postgres that is configured, or a private cluster in the data directory, with a master key of its own.
/// </summary>
internal sealed class Installation : IAsyncDisposable
{
    private readonly PrivateCluster.PrivateCluster? cluster;

    private Installation(string connectionString, PrivateCluster.PrivateCluster? cluster) =>
        (ConnectionString, this.cluster) = (connectionString, cluster);

    public string ConnectionString { get; }

    public static async Task<Installation> OpenAsync(WebApplicationBuilder builder, CancellationToken cancellationToken)
    {
        if (builder.Configuration.GetConnectionString("TrackAi") is { Length: > 0 } configured)
            return new Installation(Checked(configured), null);

        var directory = Path.GetFullPath(builder.Configuration["TRACKAI_DATA_DIR"] is { Length: > 0 } given ? given : ".trackai");
        Directory.CreateDirectory(directory);
        if (string.IsNullOrEmpty(builder.Configuration["Secrets:MasterKey"]))
            builder.Configuration["Secrets:MasterKey"] = await ReadOrMakeMasterKeyAsync(
                Path.Combine(directory, "master.key"),
                cancellationToken
            );

        using var loggers = LoggerFactory.Create(logging =>
            logging.AddConfiguration(builder.Configuration.GetSection("Logging")).AddSimpleConsole(console => console.SingleLine = true)
        );
        var cluster = await PrivateCluster.PrivateCluster.StartOrAttachAsync(
            new PrivateClusterOptions { DataDirectory = directory, Logger = loggers.CreateLogger("TrackAi.PrivateCluster") },
            cancellationToken
        );
        return new Installation(cluster.ConnectionString, cluster);
    }

    public async ValueTask DisposeAsync()
    {
        if (cluster is not null)
            await cluster.DisposeAsync();
    }

    // Npgsql's own words name the keyword and never its value.
    private static string Checked(string configured)
    {
        string? problem;
        try
        {
            problem = new NpgsqlConnectionStringBuilder(configured).Host is { Length: > 0 } ? null : "it names no Host.";
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            problem = exception.Message.ReplaceLineEndings(" ");
        }
        return problem is null
            ? configured
            : throw new InvalidOperationException(
                $"ConnectionStrings:TrackAi is no connection string: {problem} Write it like Host=db.example;Database=trackai;Username=trackai;Password=…"
            );
    }

    // Two processes may start at once: whoever creates the file decides.
    private static async Task<string> ReadOrMakeMasterKeyAsync(string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
        {
            var made = $"{path}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var writer = new StreamWriter(path: made, options))
                await writer.WriteAsync(PrivacyOptions.NewMasterKey().AsMemory(), cancellationToken);
            try
            {
                File.Move(made, path, overwrite: false);
            }
            catch (IOException) when (File.Exists(path))
            {
                File.Delete(made);
            }
        }

        return (await File.ReadAllTextAsync(path, cancellationToken)).Trim();
    }
}
