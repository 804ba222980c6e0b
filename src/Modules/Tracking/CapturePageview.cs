using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Contracts;

namespace TrackAi.Tracking;

/// <summary>POST /api/v1/track/pageview: a page of the seller was seen.</summary>
internal static class CapturePageview
{
    public static Task<Results<Created<VisitCaptured>, ProblemHttpResult>> HandleAsync(HttpContext http, Visit visit, RecordVisit record) =>
        visit.HandleAsync(
            http,
            (tenant, body, visitor, now) =>
                record.HandleAsync(
                    tenant,
                    "pageview",
                    Streams.Pageview,
                    body.VisitId,
                    visitor,
                    (id, person) =>
                        new PageviewCaptured(id, body.ClickId, body.Campaign, Visit.Has(visitor), body.ProductId, body.Value, now, person)
                        {
                            Consent = body.Consent,
                        },
                    http.RequestAborted
                )
        );
}
