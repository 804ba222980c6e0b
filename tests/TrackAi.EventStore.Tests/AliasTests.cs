namespace TrackAi.EventStore.Tests;

/// <summary>Marten's "ClassicTypeName" aliases: a stored name never changes, so the rule is pinned by example.</summary>
public sealed class AliasTests
{
    [Theory]
    [InlineData(typeof(PaymentWebhookReceived), "payment_webhook_received")]
    [InlineData(typeof(HTTPRequest), "http_request")]
    [InlineData(typeof(PaymentV2), "payment_v2")]
    [InlineData(typeof(PaymentV2Received), "payment_v2_received")]
    [InlineData(typeof(Order), "order")]
    [InlineData(typeof(OrderURL), "order_url")]
    [InlineData(typeof(AOrder), "a_order")]
    [InlineData(typeof(Checkout2Started), "checkout_2_started")]
    [InlineData(typeof(Outer.Inner), "inner")]
    public void A_type_is_stored_under_the_alias_Marten_gives_it(Type type, string alias) => EventSerializer.AliasOf(type).ShouldBe(alias);

    [Fact]
    public void A_nested_type_is_named_with_its_outer_type_for_dotnet() =>
        new EventSerializer([typeof(Outer.Inner)])
            .NameOf(typeof(Outer.Inner))
            .DotnetType.ShouldBe("TrackAi.EventStore.Tests.AliasTests+Outer+Inner, TrackAi.EventStore.Tests");

    private sealed record PaymentWebhookReceived;

    private sealed record HTTPRequest;

    private sealed record PaymentV2;

    private sealed record PaymentV2Received;

    private sealed record Order;

    private sealed record OrderURL;

    private sealed record AOrder;

    private sealed record Checkout2Started;

    private static class Outer
    {
        public sealed record Inner;
    }
}
