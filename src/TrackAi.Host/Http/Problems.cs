using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Host.Http;

/// <summary>Errors as RFC 9457 problem details: what nobody expected is a 500 without a word of its inside.</summary>
internal static class Problems
{
    private const int RetryAfterSeconds = 5;

    public static void AddProblems(this IServiceCollection services)
    {
        services.AddProblemDetails();
        services.AddExceptionHandler<ProblemHandler>();
    }

    public static void UseProblems(this WebApplication web)
    {
        web.UseExceptionHandler(
            new ExceptionHandlerOptions
            {
                SuppressDiagnosticsCallback = context => context.Exception is EventStoreUnavailableException or BadHttpRequestException,
            }
        );
        web.UseStatusCodePages();
    }

    private sealed class ProblemHandler(IProblemDetailsService problems) : IExceptionHandler
    {
        public async ValueTask<bool> TryHandleAsync(HttpContext http, Exception exception, CancellationToken cancellationToken)
        {
            var problem = exception switch
            {
                // Nothing was acknowledged: whoever sent it must send it again.
                EventStoreUnavailableException => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "Not stored",
                    Detail = "The event could not be made durable. Send it again: what should have arrived all the same is recognised.",
                },
                NpgsqlException { IsTransient: true } or TimeoutException => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "Database unavailable",
                    Detail = "The database cannot be asked at the moment. Try again.",
                },
                BadHttpRequestException bad => new ProblemDetails
                {
                    Status = bad.StatusCode,
                    Title = "Bad request",
                    Detail = bad.Message,
                },
                _ => new ProblemDetails
                {
                    Status = StatusCodes.Status500InternalServerError,
                    Title = "Internal error",
                    Detail = "Something went wrong on our side; it is in the log under the traceId.",
                },
            };
            http.Response.StatusCode = problem.Status!.Value;
            if (problem.Status == StatusCodes.Status503ServiceUnavailable)
                http.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
            return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = http, ProblemDetails = problem });
        }
    }
}
