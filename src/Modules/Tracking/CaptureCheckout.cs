using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tracking;

/// <summary>POST /api/v1/track/initiate_checkout: a checkout was begun. With e-mail or phone it teaches whose click it was.</summary>
internal static class CaptureCheckout
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
                var stream = new StreamId(tenant, Streams.Checkout(id));
                var person = people.SealNew(tenant, stream.Id, visitor);
                var checkout = new CheckoutInitiated(
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
                    new Append(stream, [checkout])
                    {
                        ExpectedVersion = 0,
                        StreamType = "checkout",
                        SideEffects = [person.Key!],
                    },
                    http.RequestAborted
                );
                return id.ToString();
            }
        );
}
