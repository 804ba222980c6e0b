using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>
/// Applies section <c>Tenants</c> of the configuration at start, as the commands would: what is there already is left alone, so hosts may start
/// together and again. A value that a command would refuse keeps the host from starting.
/// </summary>
internal sealed partial class ConfiguredTenants(
    IConfiguration configuration,
    ITenantAdministration tenants,
    TenantDirectory directory,
    ILogger<ConfiguredTenants> logger
)
{
    public async Task ApplyAsync(CancellationToken cancellationToken)
    {
        using var actor = Actor.Is(Actor.Configuration);
        foreach (var tenant in configuration.GetSection("Tenants").GetChildren())
        {
            var slug = tenant.Key.ToLowerInvariant();
            if (tenant["Name"] is { } name)
                await WithPathAsync($"{tenant.Path}:Name", () => ApplyNameAsync(slug, name, cancellationToken));
            foreach (var gateway in tenant.GetSection("Gateways").GetChildren())
                if (gateway["Secret"] is { } secret)
                    await WithPathAsync($"{gateway.Path}:Secret", () => ApplySecretAsync(slug, gateway.Key, secret, cancellationToken));
            foreach (var pixel in tenant.GetSection("Pixels").GetChildren())
                if (pixel["Token"] is { } token)
                    await WithPathAsync($"{pixel.Path}:Token", () => ApplyTokenAsync(slug, pixel.Key, token, cancellationToken));
        }
    }

    private async Task ApplyNameAsync(string slug, string name, CancellationToken cancellationToken)
    {
        if (directory.Find(slug) is null && await TryAddAsync(slug, name, cancellationToken))
            LogAdded(logger, slug);
        else if (await tenants.RenameTenantAsync(slug, name, cancellationToken))
            LogRenamed(logger, slug);
    }

    private async Task<bool> TryAddAsync(string slug, string name, CancellationToken cancellationToken)
    {
        try
        {
            await tenants.AddTenantAsync(slug, name, cancellationToken: cancellationToken);
            return true;
        }
        catch (TenantChangeRefusedException refused) when (refused.Refusal == TenantRefusal.Exists)
        {
            // Another host was first.
            return false;
        }
    }

    private async Task ApplySecretAsync(string slug, string gateway, string secret, CancellationToken cancellationToken)
    {
        if (await tenants.SetGatewaySecretAsync(slug, gateway, secret, cancellationToken: cancellationToken))
            LogSecret(logger, gateway, slug);
    }

    private async Task ApplyTokenAsync(string slug, string pixel, string token, CancellationToken cancellationToken)
    {
        if (await tenants.SetPixelAsync(slug, pixel, token, cancellationToken: cancellationToken))
            LogToken(logger, pixel, slug);
    }

    private static async Task WithPathAsync(string path, Func<Task> apply)
    {
        try
        {
            await apply();
        }
        catch (TenantChangeRefusedException refused)
        {
            var remedy = refused.Refusal == TenantRefusal.NotFound ? " Or give its Name in the configuration too." : "";
            throw new TenantChangeRefusedException(refused.Refusal, refused.Field, $"Configuration {path}: {refused.Message}{remedy}");
        }
    }

    [LoggerMessage(7010, LogLevel.Information, "Tenant {Tenant} was added by the configuration.")]
    private static partial void LogAdded(ILogger logger, string tenant);

    [LoggerMessage(7011, LogLevel.Information, "Tenant {Tenant} was renamed by the configuration.")]
    private static partial void LogRenamed(ILogger logger, string tenant);

    [LoggerMessage(7012, LogLevel.Information, "The secret of {Gateway} of tenant {Tenant} was set by the configuration.")]
    private static partial void LogSecret(ILogger logger, string gateway, string tenant);

    [LoggerMessage(7013, LogLevel.Information, "The token of pixel {Pixel} of tenant {Tenant} was set by the configuration.")]
    private static partial void LogToken(ILogger logger, string pixel, string tenant);
}
