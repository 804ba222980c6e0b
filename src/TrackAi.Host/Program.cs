using TrackAi.Host.CommandLine;

return await TrackAiCommandLine.RunAsync(args);
