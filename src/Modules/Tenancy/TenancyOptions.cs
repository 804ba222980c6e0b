namespace TrackAi.Tenancy;

/// <summary>Section <c>Tenancy</c> of the configuration.</summary>
public sealed class TenancyOptions
{
    /// <summary>How long a rotated gateway secret stays valid beside the new one.</summary>
    public TimeSpan SecretOverlap { get; set; } = TimeSpan.FromHours(24);

    /// <summary>How often all tenants are read again although nobody called: the bound on what a lost notification costs.</summary>
    public TimeSpan RefreshEvery { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How often the last use of API keys is written down.</summary>
    public TimeSpan RecordKeyUseEvery { get; set; } = TimeSpan.FromSeconds(30);
}
