using System.CommandLine;

namespace TrackAi.Host.CommandLine;

/// <summary><c>serve</c>: the product. Stops on Ctrl-C or SIGTERM after what is under way is finished.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var serve = new Verb(
            "serve",
            "Serve HTTP, match and dispatch, until stopped. Configuration as --Section:Key value or Section__Key in the environment.",
            "serve --Urls http://0.0.0.0:3001",
            "serve --Dispatch:RunWorker false"
        )
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        serve.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var application = await TrackAiApplication.BuildAsync(
                    [.. parsed.UnmatchedTokens],
                    cancellationToken: cancellationToken
                );
                await application.StartAsync(cancellationToken);
                await application.Web.WaitForShutdownAsync(cancellationToken);
                return 0;
            }
        );
        return serve;
    }
}
