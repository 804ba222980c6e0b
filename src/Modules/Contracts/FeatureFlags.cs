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

/// <summary>Switches parts of the product off and on while it runs: at every host within a second, and for every host that starts later.</summary>
public interface IFeatureFlags
{
    Task<IReadOnlyList<FeatureFlag>> ListAsync(CancellationToken cancellationToken = default);

    /// <param name="name">One of those listed.</param>
    /// <param name="isOn">Null leaves it to the configuration again.</param>
    /// <returns>Whether there was anything to change.</returns>
    Task<bool> SetAsync(string name, bool? isOn, CancellationToken cancellationToken = default);
}
