using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Privacy.People;

/// <summary>What each event is, for the person whose data is handed over.</summary>
internal static class Headings
{
    private static readonly Dictionary<string, (string English, string Portuguese)> ByType = new (
        Type Type,
        string English,
        string Portuguese
    )[]
    {
        (typeof(ClickCaptured), "A click on an ad", "Um clique em um anúncio"),
        (typeof(PageviewCaptured), "A page that was seen", "Uma página visitada"),
        (typeof(CheckoutInitiated), "A checkout that was begun", "Um checkout iniciado"),
        (typeof(ConversionReceived), "A purchase, as the payment gateway reported it", "Uma compra, como informada pelo meio de pagamento"),
        (typeof(ConversionStateChanged), "A change of a purchase's payment", "Uma mudança no pagamento de uma compra"),
        (
            typeof(ConversionEnriched),
            "More about a purchase, as the payment gateway told later",
            "Mais sobre uma compra, informado depois pelo meio de pagamento"
        ),
        (typeof(ConversionMatched), "The purchase was joined to a click", "A compra foi ligada a um clique"),
        (typeof(ConversionUnmatched), "No click was found for the purchase", "Nenhum clique foi encontrado para a compra"),
        (typeof(DispatchRequested), "The purchase was to be reported to Meta", "A compra seria informada à Meta"),
        (typeof(DispatchSkipped), "The purchase was not reported to Meta", "A compra não foi informada à Meta"),
        (typeof(DispatchSucceeded), "The purchase was reported to Meta", "A compra foi informada à Meta"),
        (typeof(DispatchFailed), "Reporting the purchase to Meta failed", "Falha ao informar a compra à Meta"),
        (typeof(DispatchDeadLettered), "Reporting the purchase to Meta was given up", "O envio da compra à Meta foi abandonado"),
        (
            typeof(DeliveryNotUnderstood),
            "A message of the payment gateway that was not understood",
            "Uma mensagem do meio de pagamento não compreendida"
        ),
        (typeof(PersonalDataErased), "The personal data was erased", "Os dados pessoais foram apagados"),
    }.ToDictionary(one => EventSerializer.AliasOf(one.Type), one => (one.English, one.Portuguese), StringComparer.Ordinal);

    public static (string English, string Portuguese) Of(string alias) =>
        ByType.TryGetValue(alias, out var heading)
            ? heading
            : ($"An entry of the log: {alias.Replace('_', ' ')}", $"Um registro: {alias.Replace('_', ' ')}");
}
