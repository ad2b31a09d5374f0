return await new LineServer.CommandLine().RunAsync(args);
