using System.Net;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>
/// Whether many people may come from an address at once. Mobile carriers put thousands of subscribers behind one, so every phone and tablet counts as
/// being at a carrier, also the ones at home: an address too many costs a guess, one too few joins a sale to a stranger's click.
/// </summary>
internal sealed class SharedAddresses(MatchingOptions options)
{
    // RFC 6598 (carrier-grade NAT) and RFC 1918: whoever reports these has not seen the buyer's own address.
    private static readonly string[] Always = ["100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

    private static readonly string[] OfMobiles = ["Mobile", "Android", "iPhone", "iPad", "Tablet"];

    private readonly IPNetwork[] networks = [.. Always.Concat(options.CarrierNetworks).Select(Parse)];

    public bool May(ProtectedPerson person) =>
        OfMobiles.Any(word => person.UserAgent?.Contains(word, StringComparison.OrdinalIgnoreCase) == true)
        || !IPAddress.TryParse(person.IpAddress, out var address)
        || networks.Any(network => network.Contains(address));

    private static IPNetwork Parse(string network) =>
        IPNetwork.TryParse(network, out var parsed)
            ? parsed
            : throw new InvalidOperationException($"Matching:CarrierNetworks: '{network}' is no network such as 177.24.0.0/14.");
}
