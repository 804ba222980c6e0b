namespace TrackAi.Host.Http;

/// <summary>Setting <c>Urls</c>, looked at before Kestrel does, which would end with a stack trace.</summary>
internal static class ListenAddresses
{
    private const string Remedy = "Give addresses such as http://0.0.0.0:3001, apart by ';'.";

    public static void Check(string? urls)
    {
        foreach (var url in (urls ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            if (Problem(url) is { } problem)
                throw new InvalidOperationException($"Urls: '{url}' {problem}. {Remedy}");
    }

    private static string? Problem(string url)
    {
        try
        {
            return BindingAddress.Parse(url) switch
            {
                { Scheme: not ("http" or "https") } => "begins with neither http:// nor https://",
                { IsUnixPipe: false, IsNamedPipe: false, Port: < 0 or > 65535 } => "has no port between 0 and 65535",
                _ => null,
            };
        }
        catch (Exception exception) when (exception is FormatException or OverflowException or ArgumentException)
        {
            return "is no address to listen at";
        }
    }
}
