using System.Text.RegularExpressions;

namespace TrackAi.Architecture.Tests;

/// <summary>Rules that no analyzer holds.</summary>
public sealed partial class SourceTests
{
    [Fact]
    public void Tests_wait_for_a_condition_and_never_for_a_time() =>
        // The one place that polls.
        Lines(["tests"], Waiting())
            .Where(found =>
                found.Path.Contains(".Tests", StringComparison.Ordinal) || found.Path.Contains("TrackAi.Testing", StringComparison.Ordinal)
            )
            .Where(found => !found.Path.EndsWith("TrackAi.Testing/Eventually.cs", StringComparison.Ordinal))
            .Select(found => $"{found.Path}: {found.Match.Value}")
            .ShouldBeEmpty();

    [Fact]
    public void The_id_of_a_log_message_is_used_once() =>
        Lines(["src", "ops"], LogMessage())
            .GroupBy(found => found.Match.Groups["id"].Value, StringComparer.Ordinal)
            .Where(group => group.Count() > 1)
            .Select(group => $"{group.Key}: {string.Join(", ", group.Select(found => found.Path))}")
            .ShouldBeEmpty();

    [Fact]
    public void Log_messages_and_metrics_are_found()
    {
        Lines(["src"], LogMessage()).Count().ShouldBeGreaterThan(20);
        Lines(["src"], Metric()).Count().ShouldBeGreaterThan(5);
    }

    [Fact]
    public void Log_messages_have_an_id_of_their_own() => Lines(["src"], LogMessageWithoutId()).Select(found => found.Path).ShouldBeEmpty();

    [Fact]
    public void The_names_of_metrics_begin_with_trackai() =>
        Lines(["src"], Metric())
            .Select(found => found.Match.Groups["name"].Value)
            .Where(name => !name.StartsWith("trackai.", StringComparison.Ordinal))
            .ShouldBeEmpty();

    [Fact]
    public void A_schema_file_is_numbered_without_a_gap()
    {
        foreach (var module in Repository.Modules)
        {
            var files = Repository
                .Files(Path.GetRelativePath(Repository.Root, module.Folder), "*.sql")
                .Select(path => Path.GetFileName(path))
                .Order(StringComparer.Ordinal)
                .ToArray();
            files
                .Index()
                .Where(file =>
                    !Regex.IsMatch(file.Item, $"^{file.Index + 1:0000}_[a-z0-9_]+\\.sql$", RegexOptions.None, TimeSpan.FromMinutes(1))
                )
                .ShouldBeEmpty(module.Name);
        }
    }

    private static IEnumerable<(string Path, Match Match)> Lines(string[] folders, Regex wanted) =>
        folders
            .SelectMany(folder => Repository.Files(folder, "*.cs"))
            .Where(path => !path.EndsWith("SourceTests.cs", StringComparison.Ordinal))
            .SelectMany(path => wanted.Matches(File.ReadAllText(path)).Select(match => (Repository.Shown(path), match)));

    [GeneratedRegex(@"Task\.Delay\(\s*(?:[0-9]|TimeSpan\.)|Thread\.Sleep", RegexOptions.None, 60_000)]
    private static partial Regex Waiting();

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?<id>[0-9]+)\s*,", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex LogMessage();

    [GeneratedRegex(@"\[LoggerMessage\(\s*[^0-9\s]", RegexOptions.None, 60_000)]
    private static partial Regex LogMessageWithoutId();

    [GeneratedRegex(
        @"\.Create(?:Counter|UpDownCounter|Histogram|Gauge|ObservableCounter|ObservableUpDownCounter|ObservableGauge)(?:<\w+>)?\(\s*""(?<name>[^""]+)""",
        RegexOptions.ExplicitCapture,
        60_000
    )]
    private static partial Regex Metric();
}
