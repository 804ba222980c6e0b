using System.CommandLine;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.PrivateCluster;

namespace TrackAi.Host.CommandLine;

/// <summary>Every verb. Exit code 0 only when what was asked was done; 1 when it was refused or failed; what went wrong goes to stderr.</summary>
internal static class TrackAiCommandLine
{
    /// <summary>On Ctrl-C or SIGTERM what is under way is finished: longer than the host's own limit for that.</summary>
    public static readonly InvocationConfiguration Invocation = new()
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromSeconds(45),
    };

    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand(
            "TrackAi: server-side conversion tracking. 'demo', 'test' and 'bench' are verbs of the script ./trackai."
        )
        {
            ServeCommand.Create(),
            DatabaseCommands.Create(),
            OnboardCommand.Create(),
            ProbeCommand.Create(),
            TenantCommands.Tenants(),
            TenantCommands.Funnels(),
            TenantCommands.Gateways(),
            TenantCommands.Pixels(),
            TenantCommands.ApiKeys(),
            FlagCommands.Create(),
            KeysCommand.Create(),
            PrivacyCommands.Create(),
            ProjectionCommands.Create(),
            EventCommands.Create(),
            ReplayCommand.Create(),
            DeliveryCommands.Create(),
            DispatchCommands.Create(),
            DeadLetterCommands.Create(),
            VerifyCommand.Create(),
            SmokeCommand.Create(),
            EnvironmentCommands.CheckEnvironment(),
            EnvironmentCommands.Describe(),
        };
        try
        {
            return await root.Parse(args).InvokeAsync(Invocation);
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
        catch (Exception exception) when (Explain(exception) is { } explanation)
        {
            await Console.Error.WriteLineAsync($"trackai: {explanation}");
            return 1;
        }
    }

    /// <summary>What a person can do about it; null for what is a fault of ours, which deserves its stack trace.</summary>
    private static string? Explain(Exception exception) =>
        exception switch
        {
            CommandFailedException
            or TenantChangeRefusedException
            or PersonRequestRefusedException
            or PrivateClusterException
            or SchemaException
            or RebuildFailedException => exception.Message,
            Microsoft.Extensions.Options.OptionsValidationException invalid => string.Join(Environment.NewLine, invalid.Failures),
            PostgresException { SqlState: PostgresErrorCodes.UndefinedTable } => "the database has no TrackAi schema yet: run 'db apply'.",
            NpgsqlException or EventStoreUnavailableException => $"Postgres cannot be used: {exception.Message}",
            IOException { Message: var message } when message.Contains("address already in use", StringComparison.OrdinalIgnoreCase) =>
                $"{message} Another program serves there; choose another address with --Urls.",
            InvalidOperationException { Source: { } source } when source.StartsWith("TrackAi.", StringComparison.Ordinal) =>
                exception.Message,
            _ => null,
        };
}

/// <summary>A verb could not do what was asked.</summary>
internal sealed class CommandFailedException(string message) : Exception(message);
