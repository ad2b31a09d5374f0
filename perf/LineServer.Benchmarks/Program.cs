using BenchmarkDotNet.Running;
using LineServer.Benchmarks;
using LineServer.Benchmarks.Shapes;
using LineServer.Benchmarks.Stores;

if (args is ["in-turn"])
{
    InTurn.Run();
}
else if (args is ["shapes"])
{
    ShapesInTurn.Run();
}
else if (OperatingSystem.IsLinux() && args is ["store", .. var options])
{
    return await StoreCommand.RunAsync(options);
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}

return 0;
