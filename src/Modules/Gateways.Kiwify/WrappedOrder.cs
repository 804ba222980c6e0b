using System.Text.Json;

namespace TrackAi.Gateways.Kiwify;

/// <summary>The bytes of the object in the root's <c>order</c>, exactly as they stand in the body: a re-written copy would have another signature.</summary>
internal static class WrappedOrder
{
    public static ReadOnlyMemory<byte>? In(ReadOnlyMemory<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body.Span);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return null;
            ReadOnlyMemory<byte>? found = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isOrder = reader.ValueTextEquals("order"u8);
                reader.Read();
                var (isObject, start) = (reader.TokenType == JsonTokenType.StartObject, (int)reader.TokenStartIndex);
                reader.Skip();
                if (isOrder)
                    found = isObject ? body[start..(int)reader.BytesConsumed] : null;
            }

            return found;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
