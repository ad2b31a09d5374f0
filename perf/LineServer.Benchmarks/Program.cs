using BenchmarkDotNet.Running;
using LineServer.Benchmarks;

if (args is ["in-turn"])
{
    InTurn.Run();
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
