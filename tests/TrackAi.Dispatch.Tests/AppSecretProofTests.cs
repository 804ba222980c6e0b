using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.Dispatch.Tests;

/// <summary>The proof that we know the app's secret, beside the one that Meta's own library for Node.js sends.</summary>
public sealed class AppSecretProofTests
{
    private static readonly (string Token, string Secret)[] Known =
    [
        ("EAAGtokenOfAPixel0123456789", "0123456789abcdef0123456789abcdef"),
        ("EAAGtokenOfAPixel0123456789", "another"),
        ("EAAG", "segredo-com-acentuação-é"),
        ("token with spaces and ç", "s"),
        (new string('A', 400), new string('b', 200)),
    ];

    [Fact]
    public async Task It_is_what_Metas_own_library_sends()
    {
        var theirs = await NodeOracle.AskAsync(
            "TrackAi.Privacy.Tests",
            "facebook-nodejs-business-sdk",
            "proof.mjs",
            Known.Select(one => new { token = one.Token, secret = one.Secret })
        );

        Known.Select(one => AppSecretProof.Of(one.Secret, one.Token)).ShouldBe(theirs.Deserialize<string[]>()!);
    }

    // https://developers.facebook.com/docs/graph-api/guides/secure-requests: hash_hmac('sha256', $access_token, $app_secret). Reckoned by openssl.
    [Fact]
    public void It_is_the_HMAC_of_the_token_under_the_secret_and_not_the_other_way_round() =>
        AppSecretProof.Of("abc", "EAAtoken").ShouldBe("18ef5dd005fb3f1daf7155357e9653d9a8076cf0922a4d4892057ccd4813a553");

    [Fact]
    public void Without_a_secret_there_is_none() => AppSecretProof.Of(null, "EAAtoken").ShouldBeNull();
}
