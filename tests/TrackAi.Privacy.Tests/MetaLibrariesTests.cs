using System.Text.Json;
using TrackAi.Privacy.Normalising;

namespace TrackAi.Privacy.Tests;

/// <summary>What Meta's own libraries make of Brazilian data, beside what we send.</summary>
public sealed class MetaLibrariesTests
{
    /// <summary>Where we knowingly send something else than all of Meta's libraries agree on.</summary>
    private static readonly HashSet<(string Field, string Input)> Better =
    [
        // Without the country code nobody is found; none of the libraries adds it.
        ("ph", "(11) 98765-4321"),
        ("ph", "011987654321"),
        // A number without its area code could be anybody's.
        ("ph", "98765-4321"),
    ];

    public static TheoryData<string, string, string> Agreed =>
        [
            .. from vector in Read()
            where vector.Sent.Count() == 3 && vector.Sent.Distinct(StringComparer.Ordinal).Count() == 1
            where !Better.Contains((vector.Field, vector.Input))
            select (vector.Field, vector.Input, vector.Node),
        ];

    [Theory]
    [MemberData(nameof(Agreed))]
    public void What_all_of_Metas_libraries_agree_on_is_among_what_we_send(string field, string input, string agreed) =>
        Sent(field, input).ShouldContain(Hash.IsHash(agreed) ? agreed : Hash.Of(agreed));

    [Fact]
    public void What_all_of_Metas_libraries_refuse_is_not_sent_either()
    {
        foreach (var vector in Read().Where(vector => vector is { Node: null, Python: null, Builder: null }))
            Sent(vector.Field, vector.Input).ShouldBeEmpty($"{vector.Field} {vector.Input}");
    }

    private static IReadOnlyList<string> Sent(string field, string input) => Sender.Send(field, input);

    private static Vector[] Read()
    {
        using var file = typeof(MetaLibrariesTests).Assembly.GetManifestResourceStream("meta-libraries.json")!;
        return JsonSerializer.Deserialize<Vector[]>(file, JsonSerializerOptions.Web)!;
    }

    private sealed record Vector(string Field, string Input, string? Node, string? Python, string? Builder)
    {
        public IEnumerable<string> Sent => new[] { Node, Python, Builder }.OfType<string>();
    }
}
