using System.Text.Json.Nodes;

namespace TrackAi.MetaStandIn;

/// <summary>A refusal in the shape of the Graph API.</summary>
internal sealed record MetaError(
    int Status,
    string Message,
    int? Code,
    int? Subcode = null,
    string? UserTitle = null,
    string? UserMessage = null,
    string Type = "OAuthException",
    bool IsTransient = false
)
{
    public static MetaError InvalidParameter(string title, string message, int? subcode = null) =>
        new(400, "Invalid parameter", 100, subcode, title, message);

    public static MetaError Token(int status, string message) => new(status, message, 190);

    public JsonObject ToJson(string fbTraceId)
    {
        var error = new JsonObject { ["message"] = Message, ["type"] = Type };
        if (Code is { } code)
            error["code"] = code;
        if (Subcode is { } subcode)
            error["error_subcode"] = subcode;
        error["is_transient"] = IsTransient;
        if (UserTitle is not null)
            error["error_user_title"] = UserTitle;
        if (UserMessage is not null)
            error["error_user_msg"] = UserMessage;
        error["fbtrace_id"] = fbTraceId;
        return new JsonObject { ["error"] = error };
    }
}
