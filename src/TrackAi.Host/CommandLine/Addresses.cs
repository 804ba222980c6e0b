using System.CommandLine;

namespace TrackAi.Host.CommandLine;

/// <summary>Options that take the address of a host.</summary>
internal static class Addresses
{
    public static void MustBeAnAddress(this Option<string?> option) =>
        option.Validators.Add(result =>
        {
            var text = result.Tokens is [var token] ? token.Value : null;
            if (text is not null && (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https")))
                result.AddError($"'{text}' is no address for {option.Name}; give one such as https://track.example.");
        });
}
