using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Contracts;

namespace TrackAi.Tracking;

/// <summary>POST /api/v1/track/initiate_checkout: a checkout was begun. With e-mail or phone it teaches whose click it was.</summary>
internal static class CaptureCheckout
{
    public static Task<Results<Created<VisitCaptured>, ProblemHttpResult>> HandleAsync(HttpContext http, Visit visit, RecordVisit record) =>
        visit.HandleAsync(
            http,
            (tenant, body, visitor, now) =>
                record.HandleAsync(
                    tenant,
                    "checkout",
                    Streams.Checkout,
                    body.VisitId,
                    visitor,
                    (id, person) =>
                        new CheckoutInitiated(id, body.ClickId, body.Campaign, Visit.Has(visitor), body.ProductId, body.Value, now, person)
                        {
                            Consent = body.Consent,
                        },
                    http.RequestAborted
                )
        );
}
