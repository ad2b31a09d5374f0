return new LineServer.Perf.CommandLine(Console.Out, Console.Error).Run(args);
