using System.CommandLine;
using TrackAi.Contracts;
using TrackAi.Privacy;

namespace TrackAi.Host.CommandLine;

/// <summary><c>keys new</c>: a master key for <c>Secrets:MasterKey</c>; <c>keys rotate</c>: from one to the next.</summary>
internal static class KeysCommand
{
    public static Command Create()
    {
        var create = new Verb(
            "new",
            "Print a new master key (32 random bytes in base64). Keep it where you keep secrets: without it nothing protected can be read.",
            "keys new"
        );
        create.SetAction(parsed =>
            Session.Print(parsed, new { MasterKey = PrivacyOptions.NewMasterKey() }, made => Console.WriteLine(made.MasterKey))
        );
        return new Command("keys", "Keys of the installation.") { create, Rotate() };
    }

    private static Verb Rotate()
    {
        var rotate = new Verb(
            "rotate",
            "Wrap every key and secret under Secrets:MasterKey that is still under Secrets:OtherMasterKey.",
            "keys rotate"
        );
        rotate.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(
                            parsed,
                            await services.GetRequiredService<IMasterKeys>().RotateAsync(cancellationToken),
                            done =>
                                Console.WriteLine(
                                    $"{done.StreamKeys} keys of streams and {done.Secrets} secrets are wrapped anew. Once every host has the new Secrets:MasterKey, run this once more, then take Secrets:OtherMasterKey away."
                                )
                        ),
                    cancellationToken
                )
        );
        return rotate;
    }
}
