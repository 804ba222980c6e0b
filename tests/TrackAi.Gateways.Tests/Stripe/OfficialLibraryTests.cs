using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests.Stripe;

/// <summary>Our verifier beside Stripe's own library for Node.js, which <c>./trackai test</c> installs.</summary>
public sealed class OfficialLibraryTests
{
    private const long Now = 1_793_890_825;

    private sealed record ToVerify(string Payload, string Header, string Secret, long ReceivedAt);

    private sealed record ToSign(string Payload, string Secret, long Timestamp);

    private sealed record Verdicts(bool[] Answers, string[] Headers);

    [Fact]
    public async Task A_thousand_headers_right_wrong_and_odd_are_judged_as_Stripes_own_library_judges_them()
    {
        var cases = Gen.Sample(Cases, 1_000, 20).ToArray();

        var (answers, _) = await AskAsync(cases, []);

        // Neither verdict is one that anything would get.
        answers.Count(isValid => isValid).ShouldBeInRange(100, 900);
        cases
            .Zip(answers)
            .Where(pair =>
                Signatures.Verify(pair.First.Header, pair.First.Payload, pair.First.Secret, pair.First.ReceivedAt) != pair.Second
            )
            .Select(pair => $"{pair.First}: the official library says {pair.Second}")
            .ShouldBeEmpty();
    }

    [Fact]
    public async Task What_Stripes_own_library_signs_is_taken_and_what_is_changed_after_that_is_not()
    {
        var signed = Gen.Sample(Payloads, 100, 20).Select((payload, index) => new ToSign(payload, $"whsec_{index}", Now)).ToArray();

        var (_, headers) = await AskAsync([], signed);

        headers.Length.ShouldBe(signed.Length);
        foreach (var (one, header) in signed.Zip(headers))
        {
            Signatures.Verify(header, one.Payload, one.Secret, Now).ShouldBeTrue(header);
            Signatures.Verify(header, $"{one.Payload} ", one.Secret, Now).ShouldBeFalse(header);
            Signatures.Verify(header, one.Payload, $"{one.Secret}x", Now).ShouldBeFalse(header);
        }
    }

    private static Gen<string> Payloads =>
        Gen.Elements("é", "Quintão", "\u0000", "\n", "😀", "a")
            .ListOf()
            .Select(parts => $$"""{"id":"evt_{{string.Concat(parts.Select(part => JsonSerializer.Serialize(part).Trim('"')))}}"}""");

    private static Gen<ToVerify> Cases =>
        from payload in Payloads
        from age in Gen.Elements(0L, 1, 299, 300, 301, 100_000, -3600)
        from secret in Gen.Elements("whsec_exemplo_A", "whsec_ç", "x")
        let signedAt = Now - age
        let right = Signatures.V1(signedAt, payload, secret)
        let wrong = Signatures.V1(signedAt, payload, $"{secret}x")
        from header in Gen.Elements(
            $"t={signedAt},v1={right}",
            $"t={signedAt},v1={right}",
            $"v1={right},t={signedAt}",
            $"t={signedAt},v1={wrong},v1={right}",
            $"t={signedAt},v1={right},v0={wrong}",
            $"t={signedAt},v0={right}",
            $"t={signedAt},v1={wrong}",
            $"t={signedAt},v1={wrong},v1={wrong}",
            $"t={signedAt}, v1={right}",
            $"t={signedAt},v1={right.ToUpperInvariant()}",
            $"t={signedAt},v1={right[..^1]}",
            $"t={signedAt},v1=",
            $"t=1,t={signedAt},v1={right}",
            $"t={signedAt + 1},v1={right}",
            $"v1={right}",
            $"t=,v1={right}",
            $"t={signedAt}",
            $",,t={signedAt},,v1={right},",
            "t=abc,v1=",
            "=",
            "nothing"
        )
        select new ToVerify(payload, header, secret, Now);

    private static async Task<Verdicts> AskAsync(IReadOnlyList<ToVerify> verify, IReadOnlyList<ToSign> sign)
    {
        var said = await NodeOracle.AskAsync("TrackAi.Gateways.Tests", "stripe", "stripe.mjs", new { verify, sign });
        return new Verdicts(
            [.. said.GetProperty("verdicts").EnumerateArray().Select(verdict => verdict.GetBoolean())],
            [.. said.GetProperty("headers").EnumerateArray().Select(header => header.GetString()!)]
        );
    }
}
