using TrackAi.Contracts;

namespace TrackAi.Dashboard.Figures;

/// <summary>Changes of settings, the latest first, with the names of those who made them and of those they are about.</summary>
internal sealed record Audit(IReadOnlyList<SettingsChange> Changes, IReadOnlyDictionary<Guid, string> Names)
{
    public static readonly Audit Empty = new([], new Dictionary<Guid, string>());

    public static async Task<Audit> ReadAsync(string tenant, ISettingsHistory history, IUsers users, CancellationToken cancellationToken)
    {
        var changes = await history.ReadAsync(tenant, cancellationToken);
        var people = changes
            .Select(change => Actor.UserOf(change.By))
            .Concat(changes.SelectMany(change => change.Facts).Select(fact => Guid.TryParse(fact.Value, out var id) ? id : (Guid?)null))
            .OfType<Guid>()
            .Distinct();
        return new Audit(changes, await users.NamesAsync([.. people], cancellationToken));
    }

    /// <summary>Null where no person did it, or one who is gone.</summary>
    public string? PersonOf(string? by) => Actor.UserOf(by) is { } user ? Names.GetValueOrDefault(user) : null;

    public string Named(string value) => Guid.TryParse(value, out var id) && Names.TryGetValue(id, out var name) ? name : value;
}
