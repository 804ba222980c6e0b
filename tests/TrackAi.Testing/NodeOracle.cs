using System.Diagnostics;
using System.Text.Json;

namespace TrackAi.Testing;

/// <summary>Official libraries for Node.js, which <c>./trackai test</c> installs, asked by small scripts that read JSON and write JSON.</summary>
public static class NodeOracle
{
    /// <param name="tests">The project of the tests in whose folder <c>Oracle</c> the script lies.</param>
    /// <param name="package">The library of npm that it asks.</param>
    public static async Task<JsonElement> AskAsync(string tests, string package, string script, object question)
    {
        var folder = Path.Combine(PostgresServer.RepositoryRoot(), "tests", tests, "Oracle");
        if (!Directory.Exists(Path.Combine(folder, "node_modules", package)))
            throw new InvalidOperationException($"{package} is not installed: run './trackai test', or 'npm ci' in {folder}.");
        using var node = Process.Start(
            new ProcessStartInfo("node", [Path.Combine(folder, script)])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var (answer, complaint) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.StandardInput.WriteAsync(JsonSerializer.Serialize(question, JsonSerializerOptions.Web));
        node.StandardInput.Close();
        await node.WaitForExitAsync();
        return node.ExitCode == 0
            ? JsonElement.Parse(await answer)
            : throw new InvalidOperationException($"{script} ended with {node.ExitCode}: {await complaint}");
    }
}
