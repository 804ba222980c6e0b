using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace TrackAi.EventStore.Reading;

/// <summary>
/// Texts out of their bytes, each of the short ones made once: of gateways, states and rules there are few, of rows that name them very many, and what
/// lives as long as a page must be marked and moved by the collector.
/// </summary>
internal sealed class KnownTexts
{
    private const int Longest = 24;
    private const int Most = 1024;

    private readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<byte>> known = new Dictionary<string, string>(
        new AsciiComparer()
    ).GetAlternateLookup<ReadOnlySpan<byte>>();

    public string Of(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > Longest || !Ascii.IsValid(utf8))
            return Encoding.UTF8.GetString(utf8);
        if (known.TryGetValue(utf8, out var text))
            return text;
        text = Encoding.ASCII.GetString(utf8);
        if (known.Dictionary.Count < Most)
            known.Dictionary.Add(text, text);
        return text;
    }

    private sealed class AsciiComparer : IEqualityComparer<string>, IAlternateEqualityComparer<ReadOnlySpan<byte>, string>
    {
        public string Create(ReadOnlySpan<byte> alternate) => Encoding.ASCII.GetString(alternate);

        public bool Equals(ReadOnlySpan<byte> alternate, string other) => Ascii.Equals(alternate, other);

        public bool Equals(string? x, string? y) => string.Equals(x, y, StringComparison.Ordinal);

        // The same for a text and for its bytes: FNV-1a.
        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = 2166136261;
            foreach (var one in alternate)
                hash = (hash ^ one) * 16777619;
            return (int)hash;
        }

        public int GetHashCode([DisallowNull] string obj)
        {
            var hash = 2166136261;
            foreach (var one in obj)
                hash = (hash ^ one) * 16777619;
            return (int)hash;
        }
    }
}
