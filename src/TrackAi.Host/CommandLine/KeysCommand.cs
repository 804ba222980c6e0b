using System.CommandLine;
using TrackAi.Privacy;

namespace TrackAi.Host.CommandLine;

/// <summary><c>keys new</c>: a master key for <c>Secrets:MasterKey</c>.</summary>
internal static class KeysCommand
{
    public static Command Create()
    {
        var create = new Command("new", "Print a new master key (32 random bytes in base64). Keep it where you keep secrets: without it nothing protected can be read.");
        create.SetAction(_ => Console.WriteLine(PrivacyOptions.NewMasterKey()));
        return new Command("keys", "Keys of the installation.") { create };
    }
}
