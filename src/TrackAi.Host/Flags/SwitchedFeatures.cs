using Microsoft.FeatureManagement;

namespace TrackAi.Host.Flags;

/// <summary>What feature management asks: a flag that a command switched is as it was switched, any other as the configuration says.</summary>
internal sealed class SwitchedFeatures(FeatureFlags flags, ConfigurationFeatureDefinitionProvider configured) : IFeatureDefinitionProvider
{
    public async Task<FeatureDefinition> GetFeatureDefinitionAsync(string featureName) =>
        flags.Find(featureName) is { } isOn ? Switched(featureName, isOn) : await configured.GetFeatureDefinitionAsync(featureName);

    public async IAsyncEnumerable<FeatureDefinition> GetAllFeatureDefinitionsAsync()
    {
        await foreach (var definition in configured.GetAllFeatureDefinitionsAsync())
            if (flags.Find(definition.Name) is null)
                yield return definition;
        foreach (var name in FeatureFlags.Names)
            if (flags.Find(name) is { } isOn)
                yield return Switched(name, isOn);
    }

    private static FeatureDefinition Switched(string name, bool isOn) =>
        new() { Name = name, EnabledFor = isOn ? [new FeatureFilterConfiguration { Name = "AlwaysOn" }] : [] };
}
