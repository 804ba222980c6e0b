namespace TrackAi.Dispatch.Tests;

public sealed class ErrorClassTests
{
    [Theory]
    [InlineData(500, 1, null, false, "transient")]
    [InlineData(400, 2, null, false, "transient")]
    [InlineData(503, null, null, false, "transient")]
    [InlineData(500, 100, null, false, "transient")]
    [InlineData(400, 100, null, true, "transient")]
    [InlineData(400, null, null, false, "transient")]
    [InlineData(302, null, null, false, "transient")]
    [InlineData(400, 4, null, false, "throttled")]
    [InlineData(400, 4, null, true, "throttled")]
    [InlineData(400, 17, 2446079, false, "throttled")]
    [InlineData(400, 32, null, false, "throttled")]
    [InlineData(400, 341, null, false, "throttled")]
    [InlineData(400, 613, 1487742, false, "throttled")]
    [InlineData(400, 80000, null, false, "throttled")]
    [InlineData(400, 80004, null, false, "throttled")]
    [InlineData(400, 80014, null, false, "throttled")]
    [InlineData(429, null, null, false, "throttled")]
    [InlineData(400, 190, 460, false, "token")]
    [InlineData(400, 190, 463, false, "token")]
    [InlineData(401, 190, 467, false, "token")]
    [InlineData(400, 102, null, false, "token")]
    [InlineData(401, null, null, false, "token")]
    [InlineData(403, 3, null, false, "permission")]
    [InlineData(403, 10, null, false, "permission")]
    [InlineData(403, 200, null, false, "permission")]
    [InlineData(403, 299, null, false, "permission")]
    [InlineData(400, 100, 33, false, "permission")]
    [InlineData(400, 100, 2804003, false, "permanent")]
    [InlineData(400, 100, null, false, "permanent")]
    [InlineData(413, null, null, false, "permanent")]
    [InlineData(400, 368, null, false, "permanent")]
    [InlineData(400, 506, null, false, "permanent")]
    [InlineData(400, 79999, null, false, "permanent")]
    [InlineData(400, 80015, null, false, "permanent")]
    public void Each_refusal_has_its_class(int httpStatus, int? code, int? subcode, bool isTransient, string name) =>
        ErrorClasses.Of(httpStatus, code, subcode, isTransient).Name().ShouldBe(name);

    [Fact]
    public void Every_class_has_a_name_of_its_own() =>
        Enum.GetValues<ErrorClass>()
            .Select(one => one.Name())
            .Distinct(StringComparer.Ordinal)
            .Count()
            .ShouldBe(Enum.GetValues<ErrorClass>().Length);
}
