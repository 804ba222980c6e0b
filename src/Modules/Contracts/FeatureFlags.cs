namespace TrackAi.Contracts;

/// <summary>Who says whether a flag is on.</summary>
public enum FlagSource
{
    /// <summary>Nobody: it is on.</summary>
    Default,

    /// <summary>Section <c>FeatureManagement</c>.</summary>
    Configuration,

    /// <summary>A command; it outranks the configuration.</summary>
    Command,
}

/// <param name="SwitchedAt">When a command switched it; null where none did.</param>
public sealed record FeatureFlag(string Name, bool IsOn, FlagSource Source, DateTimeOffset? SwitchedAt);

/// <summary>
/// A flag was switched: by a command, by somebody on a page, or because the configuration says otherwise than it did. Stream <see cref="Streams.Flags"/>
/// of no tenant; what is in force is not read from it.
/// </summary>
/// <param name="IsOn">From now on, at every host.</param>
/// <param name="Source"><c>command</c>, <c>configuration</c> or <c>default</c>: whose word counts now.</param>
public sealed record FeatureFlagSet(string Flag, bool IsOn, string Source, DateTimeOffset SetAt);

/// <summary>Switches parts of the product off and on while it runs: at every host within a second, and for every host that starts later.</summary>
public interface IFeatureFlags
{
    Task<IReadOnlyList<FeatureFlag>> ListAsync(CancellationToken cancellationToken = default);

    /// <param name="name">One of those listed.</param>
    /// <param name="isOn">Null leaves it to the configuration again.</param>
    /// <returns>Whether there was anything to change.</returns>
    Task<bool> SetAsync(string name, bool? isOn, CancellationToken cancellationToken = default);
}
