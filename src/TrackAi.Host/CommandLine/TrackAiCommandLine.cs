using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Microsoft.Extensions.Options;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.PrivateCluster;

namespace TrackAi.Host.CommandLine;

/// <summary>Every verb. Exit code 0 only when what was asked was done; what went wrong goes to stderr, with <c>--json</c> as one object.</summary>
internal static class TrackAiCommandLine
{
    public const string Name = "trackai";

    /// <summary>On Ctrl-C or SIGTERM what is under way is finished: longer than the host's own limit for that.</summary>
    public static readonly InvocationConfiguration Invocation = new()
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromSeconds(45),
    };

    public static async Task<int> RunAsync(string[] args)
    {
        var parsed = Create().Parse(args);
        var isJson = Session.IsJson = parsed.GetValue(Session.Json) || args.Contains("--json", StringComparer.Ordinal);
        if (isJson && parsed.Action is ParseErrorAction)
            return await FailAsync(true, string.Join(' ', parsed.Errors.Select(error => error.Message)), ExitCode.Refused);
        using var actor = Actor.Is(Actor.Command);
        try
        {
            return await parsed.InvokeAsync(parsed.Action is ParseErrorAction ? OfUsage() : Invocation);
        }
        catch (OperationCanceledException)
        {
            return isJson ? await FailAsync(true, "interrupted", ExitCode.Interrupted) : ExitCode.Interrupted;
        }
        catch (Exception exception)
        {
            return Explain(exception) is { } explanation
                ? await FailAsync(isJson, explanation, ExitCode.Refused)
                : await FailAsync(isJson, $"this is a fault of TrackAi's: {exception}", ExitCode.Fault);
        }
    }

    /// <summary>The program with all its verbs.</summary>
    public static Command Create()
    {
        var help = new HelpOption();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return new Command(
            Name,
            "TrackAi: server-side conversion tracking. 'demo', 'drill', 'test' and 'bench' are verbs of the script ./trackai of a clone."
        )
        {
            help,
            new VersionOption(),
            ServeCommand.Create(),
            DatabaseCommands.Create(),
            OnboardCommand.Create(),
            ProbeCommand.Create(),
            TenantCommands.Tenants(),
            TenantCommands.Funnels(),
            TenantCommands.Gateways(),
            TenantCommands.Pixels(),
            TenantCommands.ApiKeys(),
            UserCommands.Create(),
            FlagCommands.Create(),
            KeysCommand.Create(),
            PrivacyCommands.Create(),
            ProjectionCommands.Create(),
            EventCommands.Create(),
            ReplayCommand.Create(),
            ExplainCommand.Create(),
            MatchCommands.Create(),
            DeliveryCommands.Create(),
            DispatchCommands.Create(),
            DeadLetterCommands.Create(),
            VerifyCommand.Create(),
            SmokeCommand.Create(),
            EnvironmentCommands.CheckEnvironment(),
            EnvironmentCommands.Describe(),
        };
    }

    // What is told of a mistake is no result.
    private static InvocationConfiguration OfUsage() => new() { EnableDefaultExceptionHandler = false, Output = Console.Error };

    private static async Task<int> FailAsync(bool isJson, string message, int exitCode)
    {
        await Console.Error.WriteLineAsync(isJson ? Session.ToJsonLine(new { message, exitCode }) : $"{Name}: {message}");
        return exitCode;
    }

    /// <summary>What a person can do about it; null for what is a fault of ours, which deserves its stack trace.</summary>
    public static string? Explain(Exception exception) =>
        exception switch
        {
            CommandFailedException
            or TenantChangeRefusedException
            or PersonRequestRefusedException
            or MatchRulesRefusedException
            or PrivateClusterException
            or SchemaException
            or RebuildFailedException
            or UnreadableEventException
            or AppendRefusedException => exception.Message,
            OptionsValidationException invalid => string.Join(Environment.NewLine, invalid.Failures),
            AggregateException several when several.InnerExceptions.All(one => one is OptionsValidationException) => string.Join(
                Environment.NewLine,
                several.InnerExceptions.Cast<OptionsValidationException>().SelectMany(invalid => invalid.Failures)
            ),
            // A setting that is no value of its kind: the message has its name and the value.
            InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" } =>
                $"{exception.Message} Correct the setting, or leave it out: a duration is written 00:00:05, a switch true or false.",
            InvalidOperationException { Source: "Microsoft.AspNetCore.Server.Kestrel.Core" } =>
                $"Urls: {exception.Message.ReplaceLineEndings(" ")}",
            System.Net.Sockets.SocketException => $"Urls: {exception.Message}. This program cannot listen there; choose another address.",
            PostgresException { SqlState: PostgresErrorCodes.UndefinedTable } => "the database has no TrackAi schema yet: run 'db apply'.",
            NpgsqlException or EventStoreUnavailableException => $"Postgres cannot be used: {exception.Message}",
            IOException { Message: var message } when message.Contains("address already in use", StringComparison.OrdinalIgnoreCase) =>
                $"{message} Another program serves there; choose another address with --Urls.",
            InvalidOperationException
            or System.Security.Cryptography.CryptographicException
                when exception.Source is { } source && source.StartsWith("TrackAi.", StringComparison.Ordinal) => exception.Message,
            _ => null,
        };
}

/// <summary>A verb could not do what was asked.</summary>
internal sealed class CommandFailedException(string message) : Exception(message);
