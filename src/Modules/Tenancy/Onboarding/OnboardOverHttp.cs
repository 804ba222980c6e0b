using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>POST /api/v1/tenants, for whoever holds the admin key (<c>Admin:ApiKey</c>, header <c>x-admin-key</c>): brings a seller in.</summary>
internal static class OnboardOverHttp
{
    private const string Header = "x-admin-key";
    private const int LargestBody = 64 * 1024;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        // A misspelt field must not be a setting that is missing.
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public static void MapOnboarding(this IEndpointRouteBuilder endpoints) =>
        endpoints
            .MapPost("/api/v1/tenants", HandleAsync)
            .WithTags("Administration")
            .WithName("Onboard")
            .WithSummary("Adds or completes a tenant with funnel, gateway, pixel and origins; returns the webhook's URL and the snippet.")
            .Accepts<Onboarding>("application/json")
            .Produces<OnboardingAnswer>()
            .Produces<OnboardingAnswer>(StatusCodes.Status201Created)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge);

    private static async Task<IResult> HandleAsync(
        HttpContext http,
        IConfiguration configuration,
        IOnboarding onboarding,
        CancellationToken cancellationToken
    )
    {
        if (configuration["Admin:ApiKey"] is not { Length: > 0 } key)
            return Problem(403, "Administration is off", "Admin:ApiKey: set it to let tenants be added over HTTP.");
        if (!IsKey(http.Request.Headers[Header].ToString(), key))
            return Problem(401, "Admin key missing or wrong", $"{Header}: send the key of Admin:ApiKey.", Header);
        if (http.Request.ContentLength is null or > LargestBody)
            return Problem(413, "Body too large", $"body: send its length, at most {LargestBody} bytes.", "body");
        using var actor = Actor.Is(Actor.AdminKey);
        try
        {
            var wanted =
                await JsonSerializer.DeserializeAsync<Onboarding>(http.Request.Body, Json, cancellationToken) ?? throw new JsonException();
            var answer = Answer(await onboarding.OnboardAsync(wanted, cancellationToken), http.Request, configuration);
            return TypedResults.Json(answer, Json, statusCode: answer.Changed.Count > 0 ? 201 : 200);
        }
        catch (JsonException exception)
        {
            var field = exception.Path is { Length: > 2 } path ? path[2..] : "body";
            return Problem(
                400,
                "Invalid onboarding",
                $"{field}: must be a JSON object with tenant and gateway, and nothing unknown.",
                field
            );
        }
        catch (TenantChangeRefusedException refused)
        {
            var status = refused.Refusal == TenantRefusal.Exists ? 409 : 400;
            return Problem(status, "Invalid onboarding", $"{refused.Field}: {refused.Message}", refused.Field);
        }
    }

    private static OnboardingAnswer Answer(Onboarded onboarded, HttpRequest request, IConfiguration configuration)
    {
        var url = configuration["PublicUrl"] is { Length: > 0 } set ? set.TrimEnd('/') : $"{request.Scheme}://{request.Host}";
        return new OnboardingAnswer(
            onboarded.Tenant,
            onboarded.Funnel,
            onboarded.Gateway,
            Snippets.Webhook(url, onboarded.Gateway, onboarded.Tenant),
            Snippets.Pixel(url, onboarded.Tenant),
            onboarded.Changed,
            onboarded.Missing
        );
    }

    private static bool IsKey(string given, string key) =>
        CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(given)),
            SHA256.HashData(Encoding.UTF8.GetBytes(key))
        );

    private static ProblemHttpResult Problem(int status, string title, string detail, string? field = null) =>
        TypedResults.Problem(
            detail,
            statusCode: status,
            title: title,
            extensions: field is null ? null : new Dictionary<string, object?>(StringComparer.Ordinal) { ["field"] = field }
        );
}

/// <param name="WebhookUrl">To be given to the gateway.</param>
/// <param name="Snippet">To be pasted into the head of the seller's pages.</param>
internal sealed record OnboardingAnswer(
    string Tenant,
    string Funnel,
    string Gateway,
    string WebhookUrl,
    string Snippet,
    IReadOnlyList<string> Changed,
    IReadOnlyList<string> Missing
);
