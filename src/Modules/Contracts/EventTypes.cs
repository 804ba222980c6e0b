using System.Text.Json.Serialization.Metadata;

namespace TrackAi.Contracts;

/// <summary>
/// Every event there is. It is stored under Marten's alias of its name (<c>ConversionReceived</c> → <c>conversion_received</c>), so a record is
/// never renamed; a new shape is a new record.
/// </summary>
public static class EventTypes
{
    /// <summary>What is to be known of them to read and write them, told when this was compiled.</summary>
    public static IJsonTypeInfoResolver Metadata => EventJson.Default;

    public static IReadOnlyList<Type> All { get; } =
    [
        typeof(TenantAdded),
        typeof(TenantRenamed),
        typeof(TenantSuspended),
        typeof(TenantActivated),
        typeof(TenantOriginsSet),
        typeof(FunnelAdded),
        typeof(FunnelRenewalsSet),
        typeof(GatewaySecretSet),
        typeof(GatewayAllowListSet),
        typeof(GatewayUrlSegmentSet),
        typeof(GatewayAmountSet),
        typeof(PixelTokenSet),
        typeof(TenantDataProcessingSet),
        typeof(ApiKeyAdded),
        typeof(ApiKeyRevoked),
        typeof(MemberSet),
        typeof(MemberRemoved),
        typeof(ClickCaptured),
        typeof(PageviewCaptured),
        typeof(CheckoutInitiated),
        typeof(ConversionReceived),
        typeof(ConversionStateChanged),
        typeof(ConversionEnriched),
        typeof(DeliveryAcknowledged),
        typeof(DeliveryNotUnderstood),
        typeof(DeliveryUnderstood),
        typeof(DeliveryHeld),
        typeof(ConversionMatched),
        typeof(ConversionUnmatched),
        typeof(MatchRulesActivated),
        typeof(DispatchRequested),
        typeof(DispatchSkipped),
        typeof(DispatchSucceeded),
        typeof(DispatchFailed),
        typeof(DispatchDeadLettered),
        typeof(PersonalDataErased),
        typeof(PersonErased),
        typeof(DispatchRedriven),
        typeof(DispatchDiscarded),
        typeof(PixelPaused),
        typeof(PixelResumed),
        typeof(PixelCircuitOpened),
        typeof(PixelCircuitClosed),
        typeof(MetaCircuitOpened),
        typeof(MetaCircuitClosed),
        typeof(PixelTokenAlertRaised),
        typeof(PixelTokenAlertCleared),
        typeof(FeatureFlagSet),
    ];
}
