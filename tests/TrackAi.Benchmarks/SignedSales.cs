using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TrackAi.Benchmarks;

/// <summary>Sales of one tenant, as its back end signs and delivers them.</summary>
internal sealed class SignedSales(Uri host, int connections) : IDisposable
{
    public const string Tenant = "bench";
    public const string Gateway = "perfectpay";
    public const string Secret = "benchmark-secret";

    private readonly Uri url = new(host, $"/api/v1/webhooks/{Gateway}/{Tenant}");
    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { MaxConnectionsPerServer = connections });

    public async Task DeliverAsync(string order)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                order_id = order,
                customer = new
                {
                    email = $"{order}@example.com",
                    phone = Buyer.Phone(),
                    name = "Idalina Furtado Prates",
                    city = "Fortaleza",
                    state = "CE",
                },
                amount = 197.00m,
                currency = "BRL",
                status = "approved",
                fbp = Buyer.Fbp(),
            }
        );
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Add("x-perfectpay-signature", Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), body)));
        using var answer = await http.SendAsync(request, CancellationToken.None);
        if (answer.StatusCode != HttpStatusCode.Accepted)
            throw new InvalidOperationException($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    public void Dispose() => http.Dispose();
}
