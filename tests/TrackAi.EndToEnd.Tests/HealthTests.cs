using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A monitor that asks with HEAD.</summary>
public sealed class HealthTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    [InlineData("/health/live")]
    public async Task Head_is_answered_as_get_is_without_the_body(string path)
    {
        using var get = await server.Host.Http.GetAsync(path);
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using var head = await server.Host.Http.SendAsync(request);

        head.StatusCode.ShouldBe(get.StatusCode);
        head.Content.Headers.ContentType.ShouldBe(get.Content.Headers.ContentType);
        (await head.Content.ReadAsStringAsync()).ShouldBeEmpty();
    }
}
