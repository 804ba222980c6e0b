using System.Text.RegularExpressions;
using TrackAi.Dashboard.Words;

namespace TrackAi.Dashboard.Tests;

/// <summary>What the pages say, in both languages.</summary>
public sealed partial class WordsTests
{
    [Fact]
    public void Every_text_of_the_pages_is_there_in_Portuguese()
    {
        var said = Directory
            .EnumerateFiles(Path.Combine(Root, "src/Modules/Dashboard"), "*.*", SearchOption.AllDirectories)
            .Where(path => path.EndsWith(".razor", StringComparison.Ordinal) || path.EndsWith(".cs", StringComparison.Ordinal))
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(path => Said().Matches(File.ReadAllText(path)))
            .Select(match => match.Groups["text"].Value)
            .Distinct(StringComparer.Ordinal)
            .ToArray();

        said.Length.ShouldBeGreaterThan(150, "otherwise the rule holds for nothing");
        said.Where(text => !Portuguese.Texts.ContainsKey(text)).ShouldBeEmpty();
    }

    [Fact]
    public void Every_word_of_the_log_that_is_said_in_English_is_said_in_Portuguese() =>
        Codes.Texts.Keys.Except(Portuguese.Texts.Keys).ShouldBeEmpty();

    [Fact]
    public void Places_for_values_are_the_same_in_both_languages() =>
        Portuguese
            .Texts.Where(text => !Places(text.Key).SetEquals(Places(text.Value)) && text.Key.Contains('{', StringComparison.Ordinal))
            .ShouldBeEmpty();

    [Fact]
    public void Numbers_are_written_as_people_there_write_them()
    {
        var (pt, en) = (Ui.Of("pt"), Ui.Of("en"));

        (pt.Money(1234.5m, "BRL"), en.Money(1234.5m, "BRL")).ShouldBe(("R$ 1.234,50", "R$ 1,234.50"));
        (pt.Percent(12.34m), en.Percent(100), en.Percent(null)).ShouldBe(("12,3%", "100%", "–"));
        (pt.Count(1_234_567), en.Count(1_234_567)).ShouldBe(("1.234.567", "1,234,567"));
        (pt.Day(new DateOnly(2026, 3, 5)), en.Day(new DateOnly(2026, 3, 5))).ShouldBe(("05/03/2026", "2026-03-05"));
    }

    private static HashSet<string> Places(string text) => [.. Place().Matches(text).Select(match => match.Value)];

    private static string Root
    {
        get
        {
            var directory = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(directory.FullName, "TrackAi.sln")))
                directory = directory.Parent!;
            return directory.FullName;
        }
    }

    [GeneratedRegex(
        """\b(?:Ui|T)(?:\.Say\(|\[)(?:[^"\]]*\? )?"(?<text>[^"\\{]+|[^"\\]*\{[0-9][^"\\]*)"(?: : "[^"]*")?""",
        RegexOptions.ExplicitCapture,
        60_000
    )]
    private static partial Regex Said();

    [GeneratedRegex(@"\{[0-9]\}", RegexOptions.None, 60_000)]
    private static partial Regex Place();
}
