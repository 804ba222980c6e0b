namespace TrackAi.Contracts;

/// <summary>What a Brazilian telephone number looks like without its country code: DDD and eight or nine digits.</summary>
public static class BrazilianPhone
{
    // Area codes in use (Anatel): there is no 20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56 to 60, 70, 72, 76, 78, 80 or 90.
    private static readonly HashSet<string> AreaCodes =
    [
        .. (
            "11 12 13 14 15 16 17 18 19 21 22 24 27 28 31 32 33 34 35 37 38 41 42 43 44 45 46 47 48 49 51 53 54 55 "
            + "61 62 63 64 65 66 67 68 69 71 73 74 75 77 79 81 82 83 84 85 86 87 88 89 91 92 93 94 95 96 97 98 99"
        ).Split(' '),
    ];

    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> AreaCode = AreaCodes.GetAlternateLookup<
        ReadOnlySpan<char>
    >();

    /// <summary>Whether <paramref name="digits"/> is DDD and number: a mobile (nine digits, the first a 9), a landline, or a mobile from before the ninth digit.</summary>
    public static bool IsNational(ReadOnlySpan<char> digits) =>
        digits.Length switch
        {
            11 => digits[2] == '9' && AreaCode.Contains(digits[..2]),
            10 => digits[2] is >= '2' and <= '9' && AreaCode.Contains(digits[..2]),
            _ => false,
        };
}
