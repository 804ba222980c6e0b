using System.CommandLine;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary><c>db apply|assert</c>.</summary>
internal static class DatabaseCommands
{
    public static Command Create()
    {
        var apply = new Verb("apply", "Create or upgrade the schema. Safe to repeat, and with several hosts at once.", "db apply");
        apply.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var application = await Session.OpenAsync(cancellationToken);
                var applied = await application.Services.GetRequiredService<SchemaMigrator>().ApplyAsync(cancellationToken);
                Session.Print(
                    parsed,
                    applied,
                    scripts =>
                        Console.WriteLine(scripts.Count == 0 ? "The schema is up to date." : $"Applied: {string.Join(", ", scripts)}")
                );
                return 0;
            }
        );

        var assert = new Verb(
            "assert",
            "Say what differs between the database and this version; exit code 1 if anything does.",
            "db assert",
            "db assert --json"
        );
        assert.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var application = await Session.OpenAsync(cancellationToken);
                var differences = await application.Services.GetRequiredService<SchemaMigrator>().AssertAsync(cancellationToken);
                Session.Print(
                    parsed,
                    differences,
                    found =>
                    {
                        foreach (var one in found)
                            Console.WriteLine($"{one.Module}/{one.Script}: {one.Difference}");
                        if (found.Count == 0)
                            Console.WriteLine("The schema is as this version needs it.");
                    }
                );
                return differences.Count == 0 ? 0 : 1;
            }
        );
        return new Command("db", "The database's schema.") { apply, assert };
    }
}
