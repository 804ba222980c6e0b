using System.Diagnostics;
using System.Text.Json;

namespace TrackAi.Privacy.Tests;

/// <summary>What we send beside what Meta's own library for Node.js sends, which <c>./trackai test</c> installs.</summary>
public sealed class OfficialLibraryTests
{
    [Fact]
    public async Task What_Metas_own_library_sends_is_among_what_we_send_but_where_we_say_why_not()
    {
        var vectors = PublishedVector.All;
        var theirs = await AskAsync([.. vectors.Select(vector => new Question(vector.Field, vector.Input))]);

        theirs.Count(sent => sent.Count > 0).ShouldBeGreaterThan(40, "otherwise this compares with nothing");
        foreach (var (vector, sent) in vectors.Zip(theirs))
        {
            var agrees = sent.Count == 0 ? vector.Sent.Count == 0 : sent.All(hash => vector.Sent.Contains(hash, StringComparer.Ordinal));
            if (vector.Differs is null)
                agrees.ShouldBeTrue($"{vector}: we send {Words(vector.Sent)}, Meta's library {Words(sent)}");
            else
                agrees.ShouldBeFalse($"{vector}: the two agree, and docs/vectors/normalisation.json says that '{vector.Differs}'");
        }
    }

    [Fact]
    public async Task What_is_written_the_way_Meta_wants_it_hashes_to_the_same_in_both()
    {
        // Our own readings, given back: the library must find nothing left to change.
        var readings = PublishedVector
            .All.Where(vector => vector.Field is not ("external_id" or "zp"))
            .SelectMany(vector => vector.Normalised.Zip(vector.Sha256, (text, hash) => (Asked: new Question(vector.Field, text), hash)))
            .Distinct()
            .ToArray();
        readings.Length.ShouldBeGreaterThan(40);

        var theirs = await AskAsync([.. readings.Select(reading => reading.Asked)]);

        readings
            .Zip(theirs)
            // The library takes no e-mail beyond ASCII.
            .Where(pair => pair.First.Asked.Input.All(char.IsAscii) || pair.First.Asked.Field != "em")
            .Where(pair => !pair.Second.SequenceEqual([pair.First.hash], StringComparer.Ordinal))
            .Select(pair => $"{pair.First.Asked}: Meta's library sends {Words(pair.Second)}")
            .ShouldBeEmpty();
    }

    private static string Words(IReadOnlyList<string> sent) => sent.Count == 0 ? "nothing" : string.Join(", ", sent);

    private sealed record Question(string Field, string Input);

    /// <summary>For each question what the library sends; nothing where it refuses.</summary>
    private static async Task<IReadOnlyList<IReadOnlyList<string>>> AskAsync(IReadOnlyList<Question> questions)
    {
        var oracle = Path.Combine(RepositoryRoot(), "tests", "TrackAi.Privacy.Tests", "Oracle");
        Directory
            .Exists(Path.Combine(oracle, "node_modules", "facebook-nodejs-business-sdk"))
            .ShouldBeTrue($"Meta's library is not installed: run './trackai test', or 'npm ci' in {oracle}.");
        using var node = Process.Start(
            new ProcessStartInfo("node", [Path.Combine(oracle, "meta.mjs")])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var (answer, complaint) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.StandardInput.WriteAsync(JsonSerializer.Serialize(questions, JsonSerializerOptions.Web));
        node.StandardInput.Close();
        await node.WaitForExitAsync();
        node.ExitCode.ShouldBe(0, await complaint);
        return
        [
            .. JsonSerializer
                .Deserialize<string?[]?[]>(await answer)!
                .Select(sent => (IReadOnlyList<string>)[.. (sent ?? []).OfType<string>()]),
        ];
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "TrackAi.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
