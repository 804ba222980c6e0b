using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace TrackAi.Privacy;

/// <summary>Section <c>Secrets</c> of the configuration.</summary>
public sealed class PrivacyOptions
{
    /// <summary>32 random bytes in base64. Every other key is derived from it or wrapped by it.</summary>
    public string? MasterKey { get; set; }

    /// <summary>
    /// A second key, taken for opening only: while the master key is changed, the one that comes or the one that goes. Empty otherwise.
    /// </summary>
    public string? OtherMasterKey { get; set; }

    /// <summary>A new master key, as <c>trackai keys new</c> prints it.</summary>
    public static string NewMasterKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(Privacy.MasterKey.Length));
}

/// <summary>Refuses to start without a usable master key, and says how to get one.</summary>
internal sealed class ValidatePrivacyOptions : IValidateOptions<PrivacyOptions>
{
    public ValidateOptionsResult Validate(string? name, PrivacyOptions options) =>
        MasterKey.Problem(options.MasterKey) is { } problem ? ValidateOptionsResult.Fail(problem)
        : !string.IsNullOrWhiteSpace(options.OtherMasterKey) && MasterKey.Problem(options.OtherMasterKey) is not null
            ? ValidateOptionsResult.Fail("Secrets:OtherMasterKey is not 32 bytes in base64. Give the other key as it was, or leave it out.")
        : ValidateOptionsResult.Success;
}
