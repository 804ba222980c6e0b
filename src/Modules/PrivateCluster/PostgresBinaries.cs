using System.Globalization;
using System.Text.RegularExpressions;

namespace TrackAi.PrivateCluster;

/// <summary>The directory of initdb, pg_ctl and postgres on this machine, and their major version.</summary>
sealed partial record PostgresBinaries(string Directory, int Major)
{
    const string Remedy =
        "Install the server (Debian and Ubuntu: the package postgresql; Homebrew: postgresql@18), or set TRACKAI_PG_BIN to the directory of initdb and postgres.";

    static readonly string[] Programs = ["initdb", "pg_ctl", "postgres"];

    public string Initdb => Path.Combine(Directory, "initdb");
    public string PgCtl => Path.Combine(Directory, "pg_ctl");

    /// <summary>A cluster is only ever opened by the major version that made it; without one the newest is taken.</summary>
    public static Task<PostgresBinaries> FindAsync(int? madeBy, CancellationToken cancellationToken) =>
        FindAsync(Environment.GetEnvironmentVariable("TRACKAI_PG_BIN"), madeBy, cancellationToken);

    internal static async Task<PostgresBinaries> FindAsync(string? chosen, int? madeBy, CancellationToken cancellationToken)
    {
        var found = new List<PostgresBinaries>();
        foreach (var directory in Directories(chosen).Where(IsComplete))
        {
            if (await MajorAsync(directory, cancellationToken) is not { } major)
                continue;
            var binaries = new PostgresBinaries(directory, major);
            if (madeBy is null || madeBy == major)
                return binaries;
            found.Add(binaries);
        }
        throw new PostgresNotFoundException(
            found.Count == 0
                ? $"PostgreSQL's server binaries were not found. {Remedy}"
                : $"The private cluster was made by PostgreSQL {madeBy}, and here is {string.Join(", ", found.Select(binaries => binaries.Major))}. "
                    + $"Install postgresql-{madeBy}, or set TRACKAI_PG_BIN to its directory of binaries."
        );
    }

    static IEnumerable<string> Directories(string? chosen)
    {
        if (chosen is { Length: > 0 })
        {
            return IsComplete(chosen)
                ? [Path.GetFullPath(chosen)]
                : throw new PostgresNotFoundException(
                    $"TRACKAI_PG_BIN is {chosen}, which does not hold {string.Join(", ", Programs)}. {Remedy}"
                );
        }
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return NewestFirst("/usr/lib/postgresql", "*")
            .Concat(NewestFirst("/usr", "pgsql-*"))
            .Concat(path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            .Concat(NewestFirst("/opt/homebrew/opt", "postgresql*"))
            .Concat(NewestFirst("/usr/local/opt", "postgresql*"))
            .Concat(NewestFirst("/home/linuxbrew/.linuxbrew/opt", "postgresql*"))
            .Distinct(StringComparer.Ordinal);
    }

    static IEnumerable<string> NewestFirst(string parent, string pattern) =>
        System.IO.Directory.Exists(parent)
            ? System
                .IO.Directory.GetDirectories(parent, pattern)
                .OrderByDescending(directory =>
                    Number().Match(Path.GetFileName(directory)) is { Success: true } number ? ToInt(number.Value) : 0
                )
                .Select(directory => Path.Combine(directory, "bin"))
            : [];

    static bool IsComplete(string directory) => Programs.All(program => File.Exists(Path.Combine(directory, program)));

    static async Task<int?> MajorAsync(string directory, CancellationToken cancellationToken)
    {
        var version = await Command.RunAsync("/", [Path.Combine(directory, "postgres"), "--version"], cancellationToken);
        return version.Succeeded && Number().Match(version.Output) is { Success: true } number ? ToInt(number.Value) : null;
    }

    static int ToInt(string digits) => int.Parse(digits, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\d{1,4}")]
    private static partial Regex Number();
}
