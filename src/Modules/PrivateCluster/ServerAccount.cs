namespace TrackAi.PrivateCluster;

/// <summary>The account the server runs under: ours, or an unprivileged one when we are root, since Postgres refuses to run as root.</summary>
sealed class ServerAccount
{
    static readonly ServerAccount Ours = new(null, []);

    readonly string[] _as;

    ServerAccount(string? name, string[] runAs)
    {
        Name = name;
        _as = runAs;
    }

    /// <summary>Null when it is the account of this process.</summary>
    public string? Name { get; }

    /// <summary>Of an existing cluster its owner, so that a clone may be used by root and by its owner in turn; else postgres, else nobody.</summary>
    public static async Task<ServerAccount> ForAsync(string? existingCluster, CancellationToken cancellationToken)
    {
        if (!Environment.IsPrivilegedProcess)
            return Ours;
        var owner = existingCluster is null ? null : await OwnerAsync(existingCluster, cancellationToken);
        foreach (var name in new[] { owner, "postgres", "nobody" })
        {
            if (name is not (null or "root") && await GroupAsync(name, cancellationToken) is { } group)
                return new ServerAccount(name, Become(name, group));
        }
        throw new PrivateClusterException(
            "Postgres does not run as root, and there is neither a user postgres nor a user nobody. Run as an ordinary user."
        );
    }

    public Task<CommandResult> RunAsync(string directory, IEnumerable<string> words, CancellationToken cancellationToken) =>
        Command.RunAsync(directory, _as.Concat(words), cancellationToken);

    public async Task<bool> CanEnterAsync(string directory, CancellationToken cancellationToken) =>
        Name is null || await Command.SucceedsAsync("/", [.. _as, "/bin/sh", "-c", "cd \"$1\"", "sh", directory], cancellationToken);

    public async Task OwnAsync(string path, CancellationToken cancellationToken)
    {
        if (Name is null)
            return;
        var done = await Command.RunAsync("/", ["chown", "-R", $"{Name}:", path], cancellationToken);
        if (!done.Succeeded)
            throw new PrivateClusterException($"{path} could not be given to the user {Name}: {done.Said}");
    }

    public static async Task<string?> OwnerAsync(string path, CancellationToken cancellationToken)
    {
        string[] format = OperatingSystem.IsMacOS() ? ["-f", "%Su"] : ["-c", "%U"];
        var owner = await Command.RunAsync("/", ["stat", .. format, path], cancellationToken);
        return owner.Succeeded ? owner.Output.Trim() : null;
    }

    static async Task<string?> GroupAsync(string user, CancellationToken cancellationToken)
    {
        var group = await Command.RunAsync("/", ["id", "-g", user], cancellationToken);
        return group.Succeeded ? group.Output.Trim() : null;
    }

    static string[] Become(string user, string group)
    {
        if (Command.OnPath("setpriv") is { } setpriv)
            return [setpriv, $"--reuid={user}", $"--regid={group}", "--init-groups", "--"];
        if (Command.OnPath("runuser") is { } runuser)
            return [runuser, "-u", user, "--"];
        if (Command.OnPath("sudo") is { } sudo)
            return [sudo, "-n", "-u", user, "--"];
        throw new PrivateClusterException(
            "Postgres does not run as root, and there is no setpriv, runuser or sudo to leave it. Run as an ordinary user."
        );
    }
}
