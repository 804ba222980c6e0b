using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tracking;

/// <summary>POST /api/v1/track/click: someone came from an ad. The id is the click token; a browser may mint it, and sending it again changes nothing.</summary>
internal static class CaptureClick
{
    public static Task<Results<Created<VisitCaptured>, ProblemHttpResult>> HandleAsync(
        HttpContext http,
        Visit visit,
        PostgresEventStore store,
        IPersonalData people
    ) =>
        visit.HandleAsync(
            http,
            async (tenant, body, visitor, now) =>
            {
                var id = body.ClickId ?? ClickToken.New();
                var stream = new StreamId(tenant, Streams.Click(id));
                var person = people.SealNew(tenant, stream.Id, visitor);
                var click = new ClickCaptured(id, body.Campaign, Visit.Has(visitor), now, person.Protected) { Consent = body.Consent };
                // A click that is there already is the same browser trying again.
                await store.AppendAsync(
                    new Append(stream, [click])
                    {
                        ExpectedVersion = 0,
                        StreamType = "click",
                        SideEffects = [person.Key!],
                    },
                    http.RequestAborted
                );
                return id;
            }
        );
}
