using System.Globalization;
using System.Text;

namespace TrackAi.EventStore;

/// <summary>
/// One event as far as a projection asked for it. What is asked for as present and is not, or is of another kind, throws
/// <see cref="UnreadableEventException"/>, which names the event and the member.
/// </summary>
public abstract class EventMembers
{
    // As we write it; told exactly it is read in half the time.
    private const string Written = "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz";
    private const int LongestTime = 64;

    public abstract long Sequence { get; }
    public abstract StreamId Stream { get; }
    public string TenantId => Stream.TenantId;

    /// <summary>In its stream, from 1.</summary>
    internal abstract long Version { get; }

    /// <summary>Marten's alias, such as <c>conversion_received</c>.</summary>
    public abstract string Type { get; }

    public string? TextOrNull(EventMember member) => TryFind(member, out var utf8) ? TextOf(utf8) : null;

    /// <summary>The member's text in UTF-8; false where the event has none.</summary>
    private protected abstract bool TryGet(EventMember member, out ReadOnlySpan<byte> utf8);

    private protected virtual string TextOf(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    public string Text(EventMember member) => !member.IsAsked ? "" : TextOrNull(member) ?? throw Unreadable(member, "is missing");

    public decimal Number(EventMember member) =>
        decimal.TryParse(
            TryFind(member, out var utf8) ? utf8 : throw Unreadable(member, "is missing"),
            NumberStyles.Float,
            CultureInfo.InvariantCulture,
            out var value
        )
            ? value
            : throw Unreadable(member, "is no number");

    public double? RealOrNull(EventMember member) =>
        !TryFind(member, out var utf8) ? null
        : double.TryParse(utf8, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value
        : throw Unreadable(member, "is no number");

    public int? WholeOrNull(EventMember member) =>
        !TryFind(member, out var utf8) ? null
        : int.TryParse(utf8, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value
        : throw Unreadable(member, "is no whole number");

    public int Whole(EventMember member) => !member.IsAsked ? 0 : WholeOrNull(member) ?? throw Unreadable(member, "is missing");

    public DateTimeOffset? TimeOrNull(EventMember member)
    {
        if (!TryFind(member, out var utf8))
            return null;
        Span<char> text = stackalloc char[LongestTime];
        return utf8.Length <= text.Length && TryParse(text[..Encoding.UTF8.GetChars(utf8, text)], out var time)
            ? time
            : throw Unreadable(member, "is no time");
    }

    private static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time) =>
        DateTimeOffset.TryParseExact(text, Written, CultureInfo.InvariantCulture, DateTimeStyles.None, out time)
        || DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time);

    public DateTimeOffset Time(EventMember member) =>
        !member.IsAsked ? default : TimeOrNull(member) ?? throw Unreadable(member, "is missing");

    public UnreadableEventException Unreadable(EventMember member, string why) =>
        new($"Event {Sequence} of type '{Type}': {member.Path} {why}.") { Sequence = Sequence };

    private bool TryFind(EventMember member, out ReadOnlySpan<byte> utf8)
    {
        utf8 = default;
        return member.IsAsked && TryGet(member, out utf8);
    }
}
