using System.Text;

namespace TrackAi.Privacy.Normalising;

/// <summary>Cities, states and postal codes, Brazil first.</summary>
internal static class Place
{
    private static readonly Dictionary<string, string> BrazilianStates = Table(
        "acre=ac alagoas=al amapa=ap amazonas=am bahia=ba ceara=ce distritofederal=df espiritosanto=es goias=go maranhao=ma matogrosso=mt "
            + "matogrossodosul=ms minasgerais=mg para=pa paraiba=pb parana=pr pernambuco=pe piaui=pi riodejaneiro=rj riograndedonorte=rn "
            + "riograndedosul=rs rondonia=ro roraima=rr santacatarina=sc saopaulo=sp sergipe=se tocantins=to"
    );

    private static readonly Dictionary<string, string> AmericanStates = Table(
        "alabama=al alaska=ak arizona=az arkansas=ar california=ca colorado=co connecticut=ct delaware=de florida=fl georgia=ga hawaii=hi "
            + "idaho=id illinois=il indiana=in iowa=ia kansas=ks kentucky=ky louisiana=la maine=me maryland=md massachusetts=ma michigan=mi "
            + "minnesota=mn mississippi=ms missouri=mo montana=mt nebraska=ne nevada=nv newhampshire=nh newjersey=nj newmexico=nm newyork=ny "
            + "northcarolina=nc northdakota=nd ohio=oh oklahoma=ok oregon=or pennsylvania=pa rhodeisland=ri southcarolina=sc southdakota=sd "
            + "tennessee=tn texas=tx utah=ut vermont=vt virginia=va washington=wa westvirginia=wv wisconsin=wi wyoming=wy districtofcolumbia=dc"
    );

    private static readonly HashSet<string> BrazilianCodes = [.. BrazilianStates.Values];

    /// <summary>Letters only, with accents and without. Empty when there is none.</summary>
    public static IReadOnlyList<string> Cities(string clean)
    {
        var city = Text.Lower(Text.Keep(WithoutState(clean), static _ => false));
        return city.Length == 0 ? [] : [.. Text.WithFolded(city)];
    }

    /// <summary>The code of a Brazilian or American state, in the country's own table where it is known; else the name like a city's.</summary>
    public static IReadOnlyList<string> States(string clean, string? country)
    {
        if (country is null or "br" && FindBrazilian(clean) is { } code)
            return [code];
        var name = Letters(clean);
        if (country is null or "us" && AmericanStates.TryGetValue(Text.Fold(name), out var american))
            return [american];
        return name.Length < 2 ? [] : [.. Text.WithFolded(name)];
    }

    /// <summary>A CEP whole and as its first five digits, which is what Meta's libraries make of it; others without spaces and dashes.</summary>
    public static IReadOnlyList<string> Zips(string clean, string? country)
    {
        var digits = Text.Digits(clean);
        var isNumber = !clean.Any(char.IsLetter);
        if (isNumber && digits.All(digit => digit == '0'))
            return [];
        if (isNumber && country is null or "br" && Cep(digits, country) is { } cep)
            return [cep, cep[..5]];
        if (isNumber && country is null or "us" && digits.Length == 9)
            return [digits[..5]];
        return Foreign(clean);
    }

    private static string? Cep(string digits, string? country) =>
        digits.Length switch
        {
            8 => digits,
            // Kept as a number somewhere, São Paulo's loses its zero.
            7 when country is "br" => "0" + digits,
            _ => null,
        };

    private static IReadOnlyList<string> Foreign(string clean)
    {
        var dash = clean.IndexOf('-', StringComparison.Ordinal);
        string[] variants = [Alphanumeric(clean), Alphanumeric(dash < 0 ? clean : clean[..dash])];
        return [.. variants.Where(zip => zip.Length is >= 2 and <= 12).Distinct(StringComparer.Ordinal)];
    }

    private static string? FindBrazilian(string clean)
    {
        var name = Text.Fold(Letters(clean));
        if (Known(name) is { } code)
            return code;
        // "BR-SP", "Estado de São Paulo", "São Paulo - SP".
        if (name.Length == 4 && name.StartsWith("br", StringComparison.Ordinal) && Known(name[2..]) is { } subdivision)
            return subdivision;
        foreach (var prefix in (ReadOnlySpan<string>)["estadode", "estadodo", "estadoda"])
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal) && Known(name[prefix.Length..]) is { } state)
                return state;
        }

        return clean
            .Split(['-', '/', ',', '('], 8)
            .Select(part => Known(Text.Fold(Letters(part))))
            .FirstOrDefault(known => known is not null);
    }

    private static string? Known(string name) => BrazilianCodes.Contains(name) ? name : BrazilianStates.GetValueOrDefault(name);

    // "São Paulo/SP", "São Paulo - SP".
    private static string WithoutState(string clean)
    {
        var end = clean.LastIndexOfAny(['-', '/', ',', '(']);
        return end > 0 && BrazilianCodes.Contains(Letters(clean[end..])) ? clean[..end] : clean;
    }

    private static string Letters(string clean) => Text.Lower(Text.Keep(clean, static _ => false));

    private static string Alphanumeric(string clean) => Text.Lower(Text.Keep(clean, Rune.IsDigit));

    private static Dictionary<string, string> Table(string pairs) =>
        pairs.Split(' ').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
}
