using System.Globalization;
using LineServer.Perf.Profiling;

namespace LineServer.Perf.Tests.Profiling;

public class ProfileTests
{
    [Fact]
    public async Task Strace_counts_a_receive_and_a_send_for_each_line_when_one_is_in_flight()
    {
        (int exitStatus, string output, string notes) = await Lineperf.RunAsync(
            "profile", "--server", "c-epoll", "--workload", "request-reply", "--with", "strace", "--seconds", "0.5", "--warmup", "0.1", "--server-cpus", "0", "--generator-cpus", "0");
        Assert.True(exitStatus == 0, notes);
        Assert.Contains("c-epoll, request-reply: 50 connections", output);

        // Few of the many lines are in flight when strace attaches and detaches.
        Assert.InRange(ALine(output, "recvfrom"), 0.9, 1.1);
        Assert.InRange(ALine(output, "sendto"), 0.9, 1.1);
    }

    [Fact]
    public void Strace_tables_are_read_with_and_without_errors()
    {
        const string Printed = """
            % time     seconds  usecs/call     calls    errors syscall
            ------ ----------- ----------- --------- --------- ----------------
             60.00    0.000600           6       100           sendto
             40.00    0.000400           2       200        12 recvfrom
            ------ ----------- ----------- --------- --------- ----------------
            100.00    0.001000           3       300        12 total
            """;
        Assert.Equal([new SystemCallCount("sendto", 100, 0), new SystemCallCount("recvfrom", 200, 12)], Strace.Parse(Printed.Split('\n')));
    }

    [Fact]
    public void Perf_tables_are_read_and_code_is_told_by_where_it_lies()
    {
        const string Printed = """
                60.50%  [kernel.kallsyms]
                20.25%  memfd:doublemapper (deleted)
                10.00%  libcoreclr.so
                 5.00%  [nf_conntrack]
                 2.00%  [vdso]
                 1.25%  [JIT] tid 123
                 1.00%  [unknown]

            """;
        Assert.Equal(
            [
                new("kernel", "[kernel.kallsyms]", 0.605),
                new("JIT", "memfd:doublemapper (deleted)", 0.2025),
                new("user", "libcoreclr.so", 0.1),
                new("kernel", "[nf_conntrack]", 0.05),
                new("user", "[vdso]", 0.02),
                new("JIT", "[JIT] tid 123", 0.0125),
                new CodeShare("unknown", "[unknown]", 0.01),
            ],
            PerfRecord.Parse(Printed.Split('\n')));
    }

    [Theory]
    [InlineData("strace")]
    [InlineData("perf")]
    public async Task A_tool_that_is_not_installed_is_told_with_its_package(string tool)
    {
        (int exitStatus, string output, string notes) = await Lineperf.RunWithPathAsync(
            "/nowhere", "profile", "--server", "c-epoll", "--workload", "many", "--with", tool);
        Assert.Equal(1, exitStatus);
        Assert.Empty(output);
        Assert.Matches($"^lineperf: {tool} is not installed \\(on Debian: apt-get install [a-z-]+\\)\n$", notes);
    }

    // The third column of a system call's row.
    private static double ALine(string output, string call) =>
        double.Parse(output.Split('\n').Single(line => line.StartsWith($"| {call} ", StringComparison.Ordinal)).Split('|')[3], CultureInfo.InvariantCulture);
}
