using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.FeatureManagement;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Http;

/// <summary>
/// Before each endpoint of analytics: the flag is on, and the API key says whose figures these are. A query that cannot be understood is
/// answered 400 with the name of its field.
/// </summary>
internal sealed class AnalyticsAccess(IApiKeys keys, IFeatureDefinitionProvider flags, IFeatureManager features) : IEndpointFilter
{
    private const string Flag = "analytics_views";
    private const string Header = "x-api-key";

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!await IsOnAsync())
            return TypedResults.Problem(
                $"The feature flag {Flag} is off; 'flags set {Flag} on' switches it on.",
                statusCode: 403,
                title: "Analytics switched off"
            );
        if (http.Request.Headers[Header] is not [{ Length: > 0 } key])
            return Unauthorized("No API key", $"{Header}: send the tenant's API key in this header.");
        if (await keys.FindTenantAsync(key, ApiKeyScopes.Analytics, http.RequestAborted) is not { } tenant)
            return Unauthorized("Wrong API key", $"{Header}: this key is unknown, was revoked, or may not be used for this.");

        http.Features.Set(new Caller(tenant));
        try
        {
            return await next(context);
        }
        catch (InvalidQueryException invalid)
        {
            return Problems.Of(400, "Invalid query", $"{invalid.Field}: {invalid.Message}", invalid.Field);
        }

        ProblemHttpResult Unauthorized(string title, string detail)
        {
            http.Response.Headers.WWWAuthenticate = $"ApiKey header=\"{Header}\"";
            return Problems.Of(401, title, detail, Header);
        }
    }

    // A flag that nobody defined is on.
    private async Task<bool> IsOnAsync() => await flags.GetFeatureDefinitionAsync(Flag) is null || await features.IsEnabledAsync(Flag);
}

/// <summary>Whose figures are asked for.</summary>
internal sealed record Caller(string TenantId)
{
    /// <summary>Who the filter found behind the key.</summary>
    public static string TenantOf(HttpContext http) =>
        (http.Features.Get<Caller>() ?? throw new InvalidOperationException("The endpoint is not behind AnalyticsAccess.")).TenantId;
}

internal static class Problems
{
    public static ProblemHttpResult Of(int status, string title, string detail, string? field = null) =>
        TypedResults.Problem(
            detail,
            statusCode: status,
            title: title,
            extensions: field is null ? null : new Dictionary<string, object?>(StringComparer.Ordinal) { ["field"] = field }
        );
}

/// <summary>A parameter of the query that is not what it has to be.</summary>
internal sealed class InvalidQueryException(string field, string message) : Exception(message)
{
    public string Field { get; } = field;
}
