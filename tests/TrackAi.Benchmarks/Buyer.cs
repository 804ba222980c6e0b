namespace TrackAi.Benchmarks;

/// <summary>Buyers are people of their own: a phone or a browser that all of them share is what no shop has.</summary>
internal static class Buyer
{
    private static long people = 10_000_000;

    public static string Phone() => FormattableString.Invariant($"+55119{Interlocked.Increment(ref people)}");

    public static string Fbp() => FormattableString.Invariant($"fb.1.1793890500123.14{Interlocked.Increment(ref people)}");
}
