namespace TrackAi.EventStore;

/// <summary>A member of an event's JSON, such as <c>gateway</c> or <c>value.amount</c>.</summary>
public readonly record struct EventMember(int Index, string Path)
{
    /// <summary>Is not looked for: empty, null, zero or the beginning of time in every event.</summary>
    public static readonly EventMember NotAsked = new(-1, "");

    public bool IsAsked => Index >= 0;
}

/// <summary>The members a projection asks for.</summary>
public sealed class EventMemberSet
{
    private int count;

    public EventMember Add(string path)
    {
        if (path.Length == 0 || !path.All(character => char.IsAsciiLetterOrDigit(character) || character == '.'))
            throw new ArgumentException($"'{path}' is no path of members, such as value.amount.", nameof(path));
        return new EventMember(count++, path);
    }
}
