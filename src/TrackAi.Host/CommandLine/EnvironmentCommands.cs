using System.CommandLine;
using System.Reflection;
using Npgsql;
using TrackAi.EventStore;
using TrackAi.Gateways;

namespace TrackAi.Host.CommandLine;

/// <summary><c>check-env</c> and <c>describe</c>.</summary>
internal static class EnvironmentCommands
{
    private sealed record Check(string What, bool Ok, string Found);

    public static Command CheckEnvironment()
    {
        var command = new Verb(
            "check-env",
            "Check that this machine and its configuration can serve; exit code 1 when something is missing.",
            "check-env",
            "check-env --json"
        );
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var checks = new List<Check> { new(".NET", true, Environment.Version.ToString()) };
                try
                {
                    await using var application = await Session.OpenAsync(cancellationToken);
                    application.ValidateConfiguration();
                    await CheckDatabaseAsync(application.Services, checks, cancellationToken);
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    checks.Add(new Check("configuration and Postgres", false, TrackAiCommandLine.Explain(exception) ?? exception.Message));
                }

                Session.Print(
                    parsed,
                    checks,
                    all =>
                        Session.Table(
                            ["CHECK", "OK", "FOUND"],
                            [.. all.Select(check => (string[])[check.What, check.Ok ? "yes" : "NO", check.Found])]
                        )
                );
                return checks.TrueForAll(check => check.Ok) ? 0 : 1;
            }
        );
        return command;
    }

    public static Command Describe()
    {
        var command = new Verb("describe", "What this installation is made of.", "describe");
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var application = await Session.OpenAsync(cancellationToken);
                var services = application.Services;
                var description = new
                {
                    Version = typeof(EnvironmentCommands)
                        .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                        ?.InformationalVersion
                        ?? "",
                    Gateways = services.GetServices<IGateway>().Select(gateway => gateway.Name).Order(StringComparer.Ordinal).ToArray(),
                    EventTypes = Contracts.EventTypes.All.Select(EventSerializer.AliasOf).ToArray(),
                    Projections = services.GetServices<IProjection>().Select(projection => projection.Name).ToArray(),
                    Subscriptions = services.GetServices<ISubscription>().Select(subscription => subscription.Name).ToArray(),
                    Meta = $"{application.Web.Configuration["Meta:BaseUrl"] ?? "https://graph.facebook.com"} {application.Web.Configuration["Meta:ApiVersion"] ?? "v26.0"}",
                };
                Session.Print(
                    parsed,
                    description,
                    it =>
                    {
                        Console.WriteLine($"TrackAi {it.Version}");
                        Console.WriteLine($"gateways       {string.Join(", ", it.Gateways)}");
                        Console.WriteLine($"projections    {string.Join(", ", it.Projections)}");
                        Console.WriteLine($"subscriptions  {string.Join(", ", it.Subscriptions)}");
                        Console.WriteLine(
                            $"event types    {string.Join($",{Environment.NewLine}               ", it.EventTypes.Chunk(4).Select(some => string.Join(", ", some)))}"
                        );
                        Console.WriteLine($"Meta           {it.Meta}");
                    }
                );
                return 0;
            }
        );
        return command;
    }

    private static async Task CheckDatabaseAsync(IServiceProvider services, List<Check> checks, CancellationToken cancellationToken)
    {
        var dataSource = services.GetRequiredService<NpgsqlDataSource>();
        foreach (var (what, sql, isRight) in Settings)
        {
            await using var command = dataSource.CreateCommand(sql);
            var found = $"{await command.ExecuteScalarAsync(cancellationToken)}";
            checks.Add(new Check(what, isRight(found), found));
        }

        var keys = services.GetRequiredService<Contracts.IMasterKeys>();
        var problem = keys.Problem();
        checks.Add(new Check("master key", problem is null, problem ?? "is this database's"));
        var differences = await services.GetRequiredService<SchemaMigrator>().AssertAsync(cancellationToken);
        checks.Add(
            new Check(
                "schema",
                differences.Count == 0,
                differences.Count == 0 ? "up to date" : $"{differences.Count} differences: 'db assert' lists them"
            )
        );
        // Under a wrong key nothing opens, and without its tables there is nothing.
        if (problem is null && differences.Count == 0)
            checks.AddRange(await CheckSecretsAsync(keys, cancellationToken));
    }

    private static async Task<IEnumerable<Check>> CheckSecretsAsync(Contracts.IMasterKeys keys, CancellationToken cancellationToken) =>
        await keys.FindUnopenedAsync(cancellationToken) is { Count: > 0 } unopened
            ? unopened.Select(one => new Check("secrets", false, one))
            : [new Check("secrets", true, "all open")];

    private static readonly (string What, string Sql, Func<string, bool> IsRight)[] Settings =
    [
        (
            "Postgres version",
            "show server_version",
            version => int.TryParse(version.Split('.')[0], System.Globalization.CultureInfo.InvariantCulture, out var major) && major >= 14
        ),
        ("fsync", "show fsync", value => value == "on"),
        ("synchronous_commit", "show synchronous_commit", value => value != "off"),
        ("can write", "select not pg_is_in_recovery()", value => value == "True"),
    ];
}
