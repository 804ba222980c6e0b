namespace TrackAi.Contracts;

/// <summary>
/// Who makes the changes of this flow of control. It goes into the log with every change of settings, as the event's causation id: a user's id, never
/// a name or an address.
/// </summary>
public static class Actor
{
    public const string Command = "cli";
    public const string Configuration = "configuration";
    public const string AdminKey = "admin-key";
    private const string UserPrefix = "user:";

    private static readonly AsyncLocal<string?> Ambient = new();

    /// <summary>Null where nobody said so.</summary>
    public static string? Current => Ambient.Value;

    public static string User(Guid id) => $"{UserPrefix}{id}";

    /// <summary>Whose id it is; null where no user did it.</summary>
    public static Guid? UserOf(string? actor) =>
        actor is not null && actor.StartsWith(UserPrefix, StringComparison.Ordinal) && Guid.TryParse(actor[UserPrefix.Length..], out var id)
            ? id
            : null;

    /// <summary>From here to the end of the scope.</summary>
    public static IDisposable Is(string actor)
    {
        var before = Ambient.Value;
        Ambient.Value = actor;
        return new Scope(before);
    }

    private sealed class Scope(string? before) : IDisposable
    {
        public void Dispose() => Ambient.Value = before;
    }
}

/// <summary>A change of a tenant's settings.</summary>
/// <param name="Sequence">Its place in the log.</param>
/// <param name="Type">The event's name in the log.</param>
/// <param name="Facts">What was set, by name; never a secret.</param>
/// <param name="By">See <see cref="Actor"/>; null where it was made before that was written down.</param>
/// <param name="IsForAll">Whether it holds for every tenant.</param>
public sealed record SettingsChange(
    long Sequence,
    string Type,
    IReadOnlyList<KeyValuePair<string, string>> Facts,
    string? By,
    DateTimeOffset At,
    bool IsForAll
);

/// <summary>Every change of a tenant's settings, and of the installation's that hold for every tenant, from the log. Implemented by Tenancy.</summary>
public interface ISettingsHistory
{
    /// <summary>The latest first.</summary>
    Task<IReadOnlyList<SettingsChange>> ReadAsync(string tenant, CancellationToken cancellationToken = default);
}
