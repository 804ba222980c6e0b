[assembly: AssemblyFixture(typeof(TrackAi.EndToEnd.Tests.Browser.Chromium))]
