using System.Text.Json;
using TrackAi.Testing;

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
        var answer = await NodeOracle.AskAsync("TrackAi.Privacy.Tests", "facebook-nodejs-business-sdk", "meta.mjs", questions);
        return [.. answer.Deserialize<string?[]?[]>()!.Select(sent => (IReadOnlyList<string>)[.. (sent ?? []).OfType<string>()])];
    }
}
