using BenchmarkDotNet.Running;
using LineServer.Benchmarks;
using LineServer.Benchmarks.Shapes;

if (args is ["in-turn"])
{
    InTurn.Run();
}
else if (args is ["shapes"])
{
    ShapesInTurn.Run();
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
