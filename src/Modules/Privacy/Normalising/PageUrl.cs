using TrackAi.Contracts;

namespace TrackAi.Privacy.Normalising;

/// <summary>The address of a page, without what in its query or fragment names a person: Meta does not want it there and neither do we.</summary>
internal static class PageUrl
{
    private const int Longest = 2048;

    private static readonly HashSet<string> Personal = new(
        (
            "email e-mail mail em customer_email user_email phone ph tel telefone celular mobile whatsapp phone_number phonenumber phone_ac "
            + "name nome full_name fullname first_name firstname fn last_name lastname ln sobrenome cpf cnpj doc document documento rg "
            + "zip cep zipcode address endereco birthdate nascimento password senha token"
        ).Split(' '),
        StringComparer.OrdinalIgnoreCase
    );

    /// <summary>Null when it is no http address.</summary>
    public static string? Normalise(string clean)
    {
        if (!Uri.TryCreate(clean, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0)
            return null;

        var page = $"{url.Scheme}://{url.Authority}{(IsHarmlessText(url.AbsolutePath) ? url.AbsolutePath : "/")}";
        var query = string.Join('&', url.Query.TrimStart('?').Split('&').Where(IsHarmless));
        var address = query.Length == 0 ? page : $"{page}?{query}";
        if (address.Length > Longest)
            address = page;
        return address.Length <= Longest ? address : null;
    }

    private static bool IsHarmless(string parameter)
    {
        var equals = parameter.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && !Personal.Contains(Uri.UnescapeDataString(parameter[..equals])) && IsHarmlessText(parameter[(equals + 1)..]);
    }

    private static bool IsHarmlessText(string value) => value.Length == 0 || CampaignText.Clean(value) is not null;
}
