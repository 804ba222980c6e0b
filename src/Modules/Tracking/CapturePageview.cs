using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tracking;

/// <summary>POST /api/v1/track/pageview: a page of the seller was seen.</summary>
internal static class CapturePageview
{
    public static Task<Results<Created<VisitCaptured>, ProblemHttpResult>> HandleAsync(
        HttpContext http,
        Visit visit,
        PostgresEventStore store,
        IPersonalData people,
        Ids ids
    ) =>
        visit.HandleAsync(
            http,
            async (tenant, body, visitor, now) =>
            {
                var id = ids.New();
                var stream = new StreamId(tenant, Streams.Pageview(id));
                var person = people.SealNew(tenant, stream.Id, visitor);
                var pageview = new PageviewCaptured(
                    id,
                    body.ClickId,
                    body.Campaign,
                    Visit.Has(visitor),
                    body.ProductId,
                    body.Value,
                    now,
                    person.Protected
                );
                await store.AppendAsync(
                    new Append(stream, [pageview])
                    {
                        ExpectedVersion = 0,
                        StreamType = "pageview",
                        SideEffects = [person.Key!],
                    },
                    http.RequestAborted
                );
                return id.ToString();
            }
        );
}
