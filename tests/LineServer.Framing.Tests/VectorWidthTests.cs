using System.Diagnostics;
using System.Runtime.Intrinsics;

namespace LineServer.Framing.Tests;

/// <summary>The same results on processors with narrower vectors, and without any.</summary>
public class VectorWidthTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512", 32)]
    [InlineData("DOTNET_EnableAVX2", 16)]
    [InlineData("DOTNET_EnableHWIntrinsic", 0)]
    public async Task Every_split_gives_the_same_without(string switchedOff, int widestVector)
    {
        Type[] suite = [typeof(EverySplitTests), typeof(NoByteOutsideTests), typeof(WidestVectorTests)];
        string executable = Path.Combine(AppContext.BaseDirectory, typeof(VectorWidthTests).Assembly.GetName().Name!);
        ProcessStartInfo start = new(executable, ["-noColor", .. suite.SelectMany(type => new[] { "-class", type.FullName! })])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            Environment = { [switchedOff] = "0", [WidestVectorTests.Variable] = $"{widestVector}" },
        };
        using Process child = Process.Start(start)!;
        string output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        int tests = suite.Sum(type => type.GetMethods().Count(method => method.IsDefined(typeof(FactAttribute), inherit: false)));
        Assert.True(child.ExitCode == 0, output);
        Assert.Contains($"Total: {tests}, Errors: 0, Failed: 0, Skipped: 0", output, StringComparison.Ordinal);
    }
}

/// <summary>Runs in the child processes of <see cref="VectorWidthTests"/>: what was switched off is off.</summary>
public class WidestVectorTests
{
    internal const string Variable = "LINESERVER_TESTS_WIDEST_VECTOR";

    [Fact]
    public void No_vector_is_wider_than_said()
    {
        int widest = int.TryParse(Environment.GetEnvironmentVariable(Variable), out int bytes) ? bytes : int.MaxValue;
        Assert.False(Vector512.IsHardwareAccelerated && widest < 64);
        Assert.False(Vector256.IsHardwareAccelerated && widest < 32);
        Assert.False(Vector128.IsHardwareAccelerated && widest < 16);
    }
}
