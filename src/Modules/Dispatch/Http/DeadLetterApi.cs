using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TrackAi.Contracts;

namespace TrackAi.Dispatch.Http;

/// <summary>Dead letters of the tenant whose API key is sent: what they are, what sending them again would come to, and doing so.</summary>
internal static class DeadLetterApi
{
    private const string Header = "x-api-key";

    /// <param name="DispatchIds">Those meant; null means all of the tenant's.</param>
    /// <param name="Force">Also those that may count twice.</param>
    /// <param name="DryRun">Only the plan.</param>
    internal sealed record RedriveBody(IReadOnlyCollection<string>? DispatchIds, string? Reason, bool Force, bool DryRun);

    /// <param name="Because">Why; it goes into the log.</param>
    internal sealed record DiscardBody(IReadOnlyCollection<string>? DispatchIds, string? Because);

    internal sealed record Letters(IReadOnlyList<DeadLetter> Data);

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var letters = endpoints.MapGroup("/api/v1/dispatch/dead-letters").WithTags("Dispatch").ProducesProblem(400).ProducesProblem(401);
        letters
            .MapGet("", ListAsync)
            .WithName("DeadLettersWithPlan")
            .WithSummary("Dead letters, the latest first, and what sending each again would come to.");
        letters
            .MapPost("/redrive", RedriveAsync)
            .WithName("RedriveDeadLetters")
            .WithSummary("Puts dead letters back into the queue; only those that cannot count twice, unless force is set.");
        letters.MapPost("/discard", DiscardAsync).WithName("DiscardDeadLetters").WithSummary("Puts dead letters away for good.");
    }

    private static async Task<Results<Ok<Letters>, ProblemHttpResult>> ListAsync(
        HttpContext http,
        IApiKeys keys,
        IDeadLetters letters,
        string? reason,
        CancellationToken cancellationToken
    ) =>
        await FindTenantAsync(http, keys) is { } tenant
            ? TypedResults.Ok(new Letters(await letters.ListAsync(new DeadLetterFilter(tenant, reason), cancellationToken)))
            : Unauthorized();

    private static async Task<Results<Ok<Redrive>, ProblemHttpResult>> RedriveAsync(
        HttpContext http,
        RedriveBody body,
        IApiKeys keys,
        IDeadLetters letters,
        CancellationToken cancellationToken
    )
    {
        if (await FindTenantAsync(http, keys) is not { } tenant)
            return Unauthorized();
        var filter = new DeadLetterFilter(tenant, body.Reason, DispatchIds: body.DispatchIds);
        if (!body.DryRun)
            return TypedResults.Ok(await letters.RedriveAsync(filter, "API", body.Force, cancellationToken));

        var plan = (await letters.ListAsync(filter, cancellationToken)).ToLookup(letter =>
            DeadLetters.Expectation.IsRedriven(letter.Expectation, body.Force)
        );
        return TypedResults.Ok(new Redrive(Guid.Empty, null, [.. plan[true]], [.. plan[false]]));
    }

    private static async Task<Results<Ok<Letters>, ProblemHttpResult>> DiscardAsync(
        HttpContext http,
        DiscardBody body,
        IApiKeys keys,
        IDeadLetters letters,
        CancellationToken cancellationToken
    )
    {
        if (await FindTenantAsync(http, keys) is not { } tenant)
            return Unauthorized();
        if (body.DispatchIds is not { Count: > 0 } ids)
            return Problem(400, "Invalid request", "dispatchIds: name the dead letters to put away.", "dispatchIds");
        if (string.IsNullOrWhiteSpace(body.Because))
            return Problem(400, "Invalid request", "because: say why they are put away.", "because");
        var gone = await letters.DiscardAsync(new DeadLetterFilter(tenant, DispatchIds: ids), body.Because, "API", cancellationToken);
        return TypedResults.Ok(new Letters(gone));
    }

    private static async Task<string?> FindTenantAsync(HttpContext http, IApiKeys keys) =>
        http.Request.Headers[Header] is [{ Length: > 0 } key]
            ? await keys.FindTenantAsync(key, ApiKeyScopes.DeadLetters, http.RequestAborted)
            : null;

    private static ProblemHttpResult Unauthorized() =>
        Problem(401, "No API key", $"{Header}: send a valid API key of the tenant in this header.", Header);

    private static ProblemHttpResult Problem(int status, string title, string detail, string field) =>
        TypedResults.Problem(
            detail,
            statusCode: status,
            title: title,
            extensions: new Dictionary<string, object?>(StringComparer.Ordinal) { ["field"] = field }
        );
}
