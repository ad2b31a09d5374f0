using System.Diagnostics;
using LineServer.Perf.Comparing;

namespace LineServer.Perf.Tests;

public class ProgressTests
{
    [Theory]
    [InlineData("0.21 0.30 0.40 1/200 4711", false)]
    [InlineData("7.94 16.84 13.35 3/200 4711", true)]
    public void A_machine_that_works_already_is_warned_of(string loadAverages, bool isWarned) =>
        Assert.Equal(isWarned, BusyMachine.Warning(loadAverages)?.Contains("load average 7.94", StringComparison.Ordinal) == true);

    [Fact]
    public void Turns_that_are_over_say_how_long_the_others_will_take()
    {
        var time = new SetTime();
        var turns = new TurnProgress(planned: 10, isShown: true, time);
        Assert.Equal(" (turn 1 of 10, 0:00 elapsed)", turns.Next());
        time.Now = TimeSpan.FromSeconds(30);
        Assert.Equal(" (turn 2 of 10, 0:30 elapsed, about 4:30 left)", turns.Next());
        Assert.Equal("", new TurnProgress(planned: 10, isShown: false, time).Next());
    }

    [Fact]
    public async Task One_round_is_warned_of()
    {
        (_, _, string notes) = await Lineperf.RunAsync(
            "compare", "--server", "dies=sh -c 'exit 3' {port}", "--workloads", "pipelined", "--rounds", "1", "--server-cpus", "0", "--generator-cpus", "0");

        Assert.Contains("lineperf: warning: --rounds 1: one round shows neither a spread", notes, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("INT", 130, 1)]
    [InlineData("TERM", 143, 1)]
    [InlineData("INT", 130, 2)]
    [InlineData("TERM", 143, 2)]
    public async Task A_signal_ends_a_run_with_what_was_measured(string signal, int exitStatus, int generators)
    {
        var working = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var server = new EchoServer((number, line) =>
        {
            if (number == 100)
            {
                working.TrySetResult();
            }

            return EchoServer.Same(number, line);
        });
        using Process process = Start("run", "--port", $"{server.EndPoint.Port}", "--connections", "2", "--generators", $"{generators}", "--warmup", "0", "--seconds", "600");
        Task<string> notes = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await working.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        Assert.Equal(exitStatus, await EndAsync(process, signal));
        Assert.Contains($"lineperf: ended by SIG{signal}; these figures were measured before", await notes, StringComparison.Ordinal);
        Assert.Contains("lines/s, every reply checked", await output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task A_signal_ends_a_comparison_with_the_turns_that_were_over(string signal, int exitStatus)
    {
        string json = Path.GetTempFileName();
        try
        {
            using Process process = Start(
                "compare", "--servers", "c-epoll", "--workloads", "request-reply,pipelined", "--rounds", "1000", "--seconds", "0.2", "--warmup", "0", "--later-warmup", "0",
                "--server-cpus", "0", "--generator-cpus", "0", "--json", json);
            Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            string? line;
            do
            {
                line = await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
                Assert.NotNull(line);
            }
            while (!line.Contains("request-reply, round 2 of 1000: c-epoll", StringComparison.Ordinal));

            Task<string> notes = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.Equal(exitStatus, await EndAsync(process, signal));
            Assert.Contains($"lineperf: ended by SIG{signal}; the tables have the turns that were complete", await notes, StringComparison.Ordinal);
            Assert.Contains("request-reply: 50 connections", await output, StringComparison.Ordinal);
            ComparisonDocument document = ComparisonFile.Read(json);
            Assert.Equal(["request-reply"], document.Workloads.Select(workload => workload.Name), StringComparer.Ordinal);
            Assert.All(document.Measurements, round => Assert.True(round.Measured.Seconds >= 0.2));
            Assert.NotEmpty(document.Measurements);
        }
        finally
        {
            File.Delete(json);
        }
    }

    [Fact]
    public async Task A_run_on_a_terminal_tells_its_plan_and_the_time_left()
    {
        using var server = new EchoServer(EchoServer.Same);
        var start = new ProcessStartInfo(
            "script", ["-qec", $"{Lineperf.Program} run --port {server.EndPoint.Port} --connections 1 --warmup 1 --seconds 2 > /dev/null", "/dev/null"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string shown = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.Contains("; 0:03 with the warm-up", shown, StringComparison.Ordinal);
        Assert.Matches("0:0[0-9] elapsed, 0:0[0-9] left", shown);
    }

    // Default signals, as from a shell in a terminal: the process of the tests may ignore some.
    private static Process Start(params string[] args) => Process.Start(new ProcessStartInfo("env", ["--default-signal", Lineperf.Program, .. args])
    {
        UseShellExecute = false,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static async Task<int> EndAsync(Process process, string signal)
    {
        using Process kill = Process.Start("kill", ["-s", signal, $"{process.Id}"]);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        return process.ExitCode;
    }

    private sealed class SetTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
