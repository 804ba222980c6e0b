using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace TrackAi.PrivateCluster;

/// <summary>
/// The directory of a cluster: the server's files, the password and the locks. All of it lies together, so that it comes and goes together.
/// </summary>
sealed partial class ClusterHome
{
    const string Elsewhere = "/var/lib/trackai";

    /// <summary>The server's account has to pass through; what is secret has a mode of its own.</summary>
    const UnixFileMode Passable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    ClusterHome(string directory, ServerAccount account)
    {
        Directory = directory;
        Account = account;
    }

    public string Directory { get; }
    public ServerAccount Account { get; }
    public string Data => Path.Combine(Directory, "data");
    public string PasswordFile => Path.Combine(Directory, "password");
    public string GateFile => Path.Combine(Directory, "gate.lock");
    public string MembersFile => Path.Combine(Directory, "members.lock");
    public string LogFile => Path.Combine(Data, "server.log");

    public static async Task<ClusterHome> LocateAsync(string dataDirectory, ILogger logger, CancellationToken cancellationToken)
    {
        var root = Path.GetFullPath(dataDirectory);
        var inside = Path.Combine(root, "postgres");
        if (!Environment.IsPrivilegedProcess)
        {
            System.IO.Directory.CreateDirectory(inside);
            return new ClusterHome(inside, await ServerAccount.ForAsync(null, cancellationToken));
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(RealPath.Of(root))));
        var outside = Path.Combine(Elsewhere, hash[..12]);
        // A cluster that was once put outside stays there, also when the way inside is open by now.
        if (!Holds(outside))
        {
            MakePassable(root);
            MakePassable(inside);
            var account = await ServerAccount.ForAsync(Holds(inside) ? Path.Combine(inside, "data") : null, cancellationToken);
            if (await account.CanEnterAsync(inside, cancellationToken))
                return new ClusterHome(inside, account);
            if (Holds(inside))
                throw new PrivateClusterException(
                    $"The user {account.Name} who owns the private cluster cannot reach {inside}. Give its parent directories the mode o+x, or set TRACKAI_DATA_DIR."
                );
        }

        var owner = await ServerAccount.ForAsync(Holds(outside) ? Path.Combine(outside, "data") : null, cancellationToken);
        MakePassable(Elsewhere);
        MakePassable(outside);
        LogOutside(logger, outside, owner.Name, root);
        return new ClusterHome(outside, owner);
    }

    static bool Holds(string home) => File.Exists(Path.Combine(home, "data", "PG_VERSION"));

    static void MakePassable(string directory)
    {
        System.IO.Directory.CreateDirectory(directory);
        var mode = File.GetUnixFileMode(directory);
        if ((mode & Passable) != Passable)
            File.SetUnixFileMode(directory, mode | Passable);
    }

    [LoggerMessage(
        8002,
        LogLevel.Information,
        "The private cluster is kept in {Home}: the user {User} who runs it cannot reach {DataDirectory}"
    )]
    static partial void LogOutside(ILogger logger, string home, string? user, string dataDirectory);
}

/// <summary>A path without symbolic links, as the system itself reports directories.</summary>
static class RealPath
{
    public static string Of(string path)
    {
        var directory = new DirectoryInfo(path);
        if (directory.Parent is null)
            return directory.FullName;
        var here = Path.Combine(Of(directory.Parent.FullName), directory.Name);
        return Directory.Exists(here) && Directory.ResolveLinkTarget(here, returnFinalTarget: true) is { } target
            ? Of(target.FullName)
            : here;
    }
}
