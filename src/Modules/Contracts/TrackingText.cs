namespace TrackAi.Contracts;

/// <summary>Tracking fields as they come back: a page, a redirector and a checkout may each have encoded them once.</summary>
public static class TrackingText
{
    private const int MostEncodings = 3;

    public static string Unescaped(string field)
    {
        for (var round = 0; round < MostEncodings && field.Contains('%', StringComparison.Ordinal); round++)
        {
            var next = Uri.UnescapeDataString(field);
            if (next.Length == field.Length)
                break;
            field = next;
        }

        return field;
    }
}
