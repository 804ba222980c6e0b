namespace TrackAi.Analytics;
public static class AnalyticsModule {
 public static Microsoft.Extensions.DependencyInjection.IServiceCollection AddAnalytics(this Microsoft.Extensions.DependencyInjection.IServiceCollection s)=>s;
 public static void MapAnalytics(this Microsoft.AspNetCore.Routing.IEndpointRouteBuilder e){}
}
