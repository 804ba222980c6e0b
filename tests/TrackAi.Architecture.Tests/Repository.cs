using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TrackAi.Architecture.Tests;

/// <summary>The clone as it is on disk: a new module is under every rule the moment its folder exists.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<Module> Modules { get; } =
    [.. Files("src/Modules", "*.csproj").Select(path => new Module(path)).OrderBy(module => module.Name, StringComparer.Ordinal)];

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>Source files under a folder, without what a build put there.</summary>
    public static IEnumerable<string> Files(string folder, params string[] patterns) =>
        patterns
            .SelectMany(pattern => Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories))
            .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"));

    public static string Shown(string path) => Path.GetRelativePath(Root, path);

    /// <summary>
    /// Compares with a committed file. What is there now is written beside the tests, to be copied over the file when the change is meant.
    /// </summary>
    public static void ShouldBeAsCommitted(IEnumerable<string> lines, string file, string rule)
    {
        var now = lines.ToArray();
        var actual = Path.Combine(AppContext.BaseDirectory, $"{file}.actual");
        File.WriteAllLines(actual, now);
        var path = Path.Combine(Root, "tests", "TrackAi.Architecture.Tests", file);
        var committed = File.Exists(path) ? File.ReadAllLines(path) : [];
        (committed.Except(now).Select(line => $"- {line}").Concat(now.Except(committed).Select(line => $"+ {line}"))).ShouldBeEmpty(
            $"{rule} If it is meant: cp {Shown(actual)} {Shown(path)}"
        );
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            if (File.Exists(Path.Combine(directory.FullName, "TrackAi.sln")))
                return directory.FullName;
        throw new InvalidOperationException($"{AppContext.BaseDirectory} is not inside a clone of TrackAi.");
    }
}

/// <summary>A module: a project under src/Modules.</summary>
internal sealed partial class Module(string projectPath)
{
    public string Name { get; } = Path.GetFileNameWithoutExtension(projectPath);

    public string Folder { get; } = Path.GetDirectoryName(projectPath)!;

    public string ShortName => Name.Split('.')[^1];

    public bool IsGateway => Name.StartsWith("TrackAi.Gateways.", StringComparison.Ordinal);

    public IReadOnlyList<string> References { get; } =
    [
        .. XDocument
            .Load(projectPath)
            .Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/'))),
    ];

    public Assembly Assembly => Assembly.Load(Name);

    /// <summary>Tables and views that the module's schema makes.</summary>
    public IReadOnlyList<string> Relations { get; } =
    [
        .. Directory
            .EnumerateFiles(Path.GetDirectoryName(projectPath)!, "*.sql", SearchOption.AllDirectories)
            .SelectMany(path => CreatedRelation().Matches(File.ReadAllText(path)))
            .Select(match => match.Groups["name"].Value.ToLowerInvariant())
            .Distinct(StringComparer.Ordinal),
    ];

    /// <summary>Tables with a column of bytes, or of a body: what people are recognised by, and what is kept of them encrypted.</summary>
    public IReadOnlyList<string> TablesWithHashesOrBodies { get; } =
    [
        .. Directory
            .EnumerateFiles(Path.GetDirectoryName(projectPath)!, "*.sql", SearchOption.AllDirectories)
            .SelectMany(path => TableWithColumns().Matches(File.ReadAllText(path)))
            .Where(match => HashOrBody().IsMatch(match.Groups["columns"].Value))
            .Select(match => match.Groups["name"].Value)
            .Distinct(StringComparer.Ordinal),
    ];

    public override string ToString() => Name;

    [GeneratedRegex(
        @"^create table (?<name>\w+)\s*\((?<columns>.*?)^\)",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        60_000
    )]
    private static partial Regex TableWithColumns();

    [GeneratedRegex(@"\sbytea\b|^\s*body\s", RegexOptions.Multiline, 60_000)]
    private static partial Regex HashOrBody();

    [GeneratedRegex(
        @"^\s*create\s+(?:or\s+replace\s+)?(?:unlogged\s+)?(?:table|view|materialized\s+view)\s+(?:if\s+not\s+exists\s+)?(?:public\.)?(?<name>\w+)",
        RegexOptions.IgnoreCase | RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        60_000
    )]
    private static partial Regex CreatedRelation();
}
