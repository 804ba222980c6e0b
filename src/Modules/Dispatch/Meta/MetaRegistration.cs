using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace TrackAi.Dispatch;

internal static class MetaRegistration
{
    /// <summary>The client for Meta, under section <c>Meta</c>.</summary>
    public static IServiceCollection AddMetaClient(this IServiceCollection services)
    {
        services
            .AddOptions<MetaOptions>()
            .BindConfiguration("Meta")
            .Validate(IsAddress, "Meta:BaseUrl must be an http or https address without a query.")
            .Validate(static meta => meta.ApiVersion is ['v', _, ..], "Meta:ApiVersion must look like v26.0.")
            .Validate(static meta => meta.TimeoutSeconds is > 0 and <= 300, "Meta:TimeoutSeconds must be more than 0 and at most 300.")
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<MetaClient>();
        services
            .AddHttpClient(MetaClient.HttpClientName, static client => client.Timeout = Timeout.InfiniteTimeSpan)
            .ConfigurePrimaryHttpMessageHandler(static () =>
                new SocketsHttpHandler
                {
                    // Following a redirect would carry the token to wherever it points.
                    AllowAutoRedirect = false,
                    AutomaticDecompression = DecompressionMethods.All,
                    PooledConnectionLifetime = TimeSpan.FromMinutes(5),
                    UseCookies = false,
                }
            )
            // The handler's own pool follows DNS.
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers();
        return services;
    }

    private static bool IsAddress(MetaOptions meta) =>
        Uri.TryCreate(meta.BaseUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Query.Length == 0;
}
