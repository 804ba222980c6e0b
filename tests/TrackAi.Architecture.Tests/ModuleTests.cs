using System.Reflection;
using System.Text.RegularExpressions;

namespace TrackAi.Architecture.Tests;

/// <summary>What a module may know and what it may show.</summary>
public sealed class ModuleTests
{
    private const string Contracts = "TrackAi.Contracts";
    private const string EventStore = "TrackAi.EventStore";
    private const string GatewayKit = "TrackAi.Gateways";
    private const string PrivateCluster = "TrackAi.PrivateCluster";

    // They are there to be used: the shared words, the library, what gateways plug into, Postgres for a machine without one.
    private static readonly string[] Shared = [Contracts, EventStore, GatewayKit, PrivateCluster];

    public static TheoryData<string> ModuleNames => [.. Repository.Modules.Select(module => module.Name)];

    [Fact]
    public void Modules_are_found() => Repository.Modules.Count.ShouldBeGreaterThan(9, "otherwise every rule here holds for nothing");

    [Theory]
    [MemberData(nameof(ModuleNames))]
    public void A_module_knows_no_other_module(string name)
    {
        var module = Module(name);
        string[] allowed = module switch
        {
            { Name: Contracts or EventStore or PrivateCluster } => [],
            { IsGateway: true } => [Contracts, EventStore, GatewayKit],
            _ => [Contracts, EventStore],
        };

        module
            .References.Except(allowed, StringComparer.Ordinal)
            .ShouldBeEmpty(
                $"{name} may use {(allowed.Length == 0 ? "nothing of ours" : string.Join(", ", allowed))}. Everything else reaches it as an event."
            );
    }

    [Theory]
    [MemberData(nameof(ModuleNames))]
    public void A_module_shows_only_how_to_register_and_configure_it(string name)
    {
        var module = Module(name);
        if (Shared.Contains(name, StringComparer.Ordinal))
            return;

        // Razor makes a public class of every component.
        var shown = module.Assembly.GetExportedTypes().Where(type => !IsOfComponent(type)).Select(type => type.Name).ToArray();
        shown.ShouldContain(module.IsGateway ? $"{module.ShortName}Gateway" : $"{module.ShortName}Module");
        shown
            .Where(type =>
                type != (module.IsGateway ? $"{module.ShortName}Gateway" : $"{module.ShortName}Module")
                && !type.EndsWith("Options", StringComparison.Ordinal)
            )
            .ShouldBeEmpty($"{name} keeps its inside internal");
    }

    [Theory]
    [MemberData(nameof(ModuleNames))]
    public void A_modules_SQL_names_its_own_tables_only(string name)
    {
        var module = Module(name);
        var foreign = Repository
            .Modules.Where(other => other.Name != name)
            .SelectMany(other => other.Relations)
            .Except(module.Relations)
            .ToArray();
        if (foreign.Length == 0)
            return;
        Named(module, foreign).ShouldBeEmpty($"{name} reads and writes its own tables only");
    }

    [Theory]
    [MemberData(nameof(ModuleNames))]
    public void A_module_answers_for_every_table_of_its_own_that_holds_something_of_people(string name)
    {
        var module = Module(name);
        var answering = Repository
            .Files(Path.GetRelativePath(Repository.Root, module.Folder), "*.cs")
            .Select(File.ReadAllText)
            .Where(source =>
                source.Contains(": IHoldPersonalData", StringComparison.Ordinal)
                || source.Contains(": IPersonRequests", StringComparison.Ordinal)
            )
            .ToArray();

        module
            .TablesWithHashesOrBodies.Except(OfNobody, StringComparer.Ordinal)
            .Where(table => !answering.Any(source => source.Contains(table, StringComparison.Ordinal)))
            .ShouldBeEmpty(
                $"{name} keeps keyed hashes or protected bodies there: an IHoldPersonalData of its own finds, exports and erases them"
            );
    }

    [Fact]
    public void Tables_with_something_of_people_are_found() =>
        Repository
            .Modules.SelectMany(module => module.TablesWithHashesOrBodies)
            .Except(OfNobody, StringComparer.Ordinal)
            .Count()
            .ShouldBeGreaterThan(4, "otherwise the rule about people holds for nothing");

    // Secrets and keys of tenants, of those who sign in and of the installation; the log itself, whose column of bytes is Marten's and stays empty.
    private static readonly string[] OfNobody =
    [
        "api_key",
        "gateway_secret",
        "pixel",
        "installation_key",
        "mt_events",
        "app_user",
        "app_user_link",
    ];

    [Fact]
    public void SQL_is_found() =>
        Repository
            .Modules.Count(module => module.Relations.Count > 0 && Named(module, module.Relations).Any())
            .ShouldBeGreaterThan(4, "otherwise the rule about foreign tables holds for nothing");

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = Repository.Read("TrackAi.sln");

        new[] { "src", "ops", "tests" }
            .SelectMany(folder => Repository.Files(folder, "*.csproj"))
            .Where(path => !solution.Contains($"\\{Path.GetFileName(path)}\"", StringComparison.Ordinal))
            .Select(Repository.Shown)
            .ShouldBeEmpty();
    }

    [Fact]
    public void Every_gateway_is_registered_by_the_host()
    {
        var host = Repository.Read("src/TrackAi.Host/TrackAiApplication.cs");

        Repository
            .Modules.Where(module =>
                module.IsGateway && !host.Contains($".AddGateway<{module.ShortName}Gateway>()", StringComparison.Ordinal)
            )
            .ShouldBeEmpty();
    }

    [Fact]
    public void Every_gateway_passes_the_compliance_suite()
    {
        var suites = Assembly
            .Load("TrackAi.Gateways.Tests")
            .GetTypes()
            .Where(type => type.IsSealed && type.BaseType?.Name == "GatewayCompliance")
            .Select(type => type.Name)
            .ToArray();

        Repository
            .Modules.Where(module => module.IsGateway && !suites.Contains($"{module.ShortName}GatewayTests", StringComparer.Ordinal))
            .ShouldBeEmpty("it needs a sealed class {Name}GatewayTests : GatewayCompliance in TrackAi.Gateways.Tests");
    }

    [Fact]
    public void The_surface_of_the_event_store_changes_only_on_purpose() =>
        Repository.ShouldBeAsCommitted(
            PublicSurface.Of(Module(EventStore).Assembly),
            "EventStoreSurface.txt",
            "EventStore is a library: what it shows is promised."
        );

    // A table is named after one of these words; a comment names what it likes.
    private static IEnumerable<string> Named(Module module, IReadOnlyCollection<string> relations)
    {
        var named = new Regex(
            $@"\b(?:from|join|into|update|table|only|using|truncate|copy|references|exists)\s+(?:public\.)?""?(?:{string.Join('|', relations)})\b(?!\s*\()",
            RegexOptions.None,
            TimeSpan.FromMinutes(1)
        );
        return Repository
            .Files(Path.GetRelativePath(Repository.Root, module.Folder), "*.cs", "*.sql")
            .SelectMany(path =>
                File.ReadLines(path)
                    .Where(line =>
                        line.TrimStart() is { } text
                        && !text.StartsWith("//", StringComparison.Ordinal)
                        && !text.StartsWith("--", StringComparison.Ordinal)
                    )
                    .SelectMany(line => named.Matches(line))
                    .Select(match => $"{Repository.Shown(path)}: {match.Value}")
            );
    }

    private static bool IsOfComponent(Type type) =>
        type.Name == "_Imports"
        || type.IsAssignableTo(typeof(Microsoft.AspNetCore.Components.IComponent))
        || (type.DeclaringType is { } outer && IsOfComponent(outer));

    private static Module Module(string name) => Repository.Modules.Single(module => module.Name == name);
}
