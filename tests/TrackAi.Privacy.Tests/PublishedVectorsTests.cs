using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Privacy.Tests;

/// <summary>The published vectors are what is sent.</summary>
public sealed class PublishedVectorsTests
{
    private static readonly string[] Fields = ["em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country", "external_id"];

    public static TheoryData<int> Numbers => [.. Enumerable.Range(0, PublishedVector.All.Count)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void A_published_vector_is_what_is_sent(int number)
    {
        var vector = PublishedVector.All[number];

        vector.Sent.ShouldBe(vector.Sha256, $"{vector}");
        if (vector.Normalised.Count > 0)
            vector
                .Normalised.Select(text => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))))
                .ShouldBe(vector.Sha256, $"{vector}");
        vector.Sha256.ShouldNotContain("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "the hash of nothing");
    }

    [Fact]
    public void Every_field_that_Meta_takes_hashed_is_published_with_something_sent_and_something_dropped() =>
        Fields
            .Where(field =>
                !PublishedVector.All.Any(vector => vector.Field == field && vector.Sha256.Count > 0)
                || (
                    field is not ("ln" or "external_id")
                    && !PublishedVector.All.Any(vector => vector.Field == field && vector.Sha256.Count == 0)
                )
            )
            .ShouldBeEmpty();
}
