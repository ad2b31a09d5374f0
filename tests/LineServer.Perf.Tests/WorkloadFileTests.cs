using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

public class WorkloadFileTests
{
    [Fact]
    public void All_kinds_are_among_the_built_in_ones()
    {
        IReadOnlyList<Workload> all = Workloads.Load().All;
        Assert.Equal(Enum.GetValues<WorkloadKind>(), all.Select(workload => workload.Kind).Distinct().Order());
        Assert.Equal(new Workload("pipelined", WorkloadKind.ClosedLoop, Connections: 50, Window: 64, LineSize: 32), all.Single(workload => workload.Name == "pipelined"));
    }

    [Fact]
    public void A_user_s_workloads_come_after_the_built_in_ones()
    {
        string file = Write("""
            {
              // Mine.
              "workloads": [
                { "name": "mine", "kind": "closed-loop", "connections": 3, "window": 2, "lineSize": 8, "maxLineSize": 99 },
                { "name": "at-half", "kind": "open-loop", "connections": 7, "window": 1, "lineSize": 100, "load": 0.5 },
                { "name": "silent", "kind": "idle", "steps": [10, 20], "lineSize": 32 },
              ]
            }
            """);
        var workloads = Workloads.Load(file);
        Assert.Equal(["mine", "at-half", "silent"], workloads.All.TakeLast(3).Select(workload => workload.Name), StringComparer.Ordinal);
        Assert.Equal((99, 3, 2, 8), (workloads.Find("mine").MaxLineSize, workloads.Find("mine").Connections, workloads.Find("mine").Window, workloads.Find("mine").LineSize));
        Assert.Equal((0.5, 0.0), (workloads.Find("at-half").Load, workloads.Find("at-half").Rate));
        Assert.Equal((20, 0), (workloads.Find("silent").Connections, workloads.Find("silent").Active));
        Assert.NotEmpty(workloads.Find("many").Summary);
        File.Delete(file);
    }

    [Fact]
    public void A_closed_loop_may_name_the_server_s_handler()
    {
        string file = Write("""
            {
              "workloads": [
                { "name": "waits", "kind": "closed-loop", "connections": 1, "window": 1, "lineSize": 32, "handler": "await-task" },
                { "name": "echoes", "kind": "closed-loop", "connections": 1, "window": 1, "lineSize": 32, "handler": "echo" },
                { "name": "plain", "kind": "closed-loop", "connections": 1, "window": 1, "lineSize": 32 },
                { "name": "one-way", "kind": "ingest", "connections": 1, "lineSize": 32 }
              ]
            }
            """);
        var workloads = Workloads.Load(file);
        File.Delete(file);
        Assert.Equal(
            ["await-task", "echo", "echo", "discard"],
            workloads.All.TakeLast(4).Select(workload => workload.Handler),
            StringComparer.Ordinal);
        Assert.EndsWith("lines of 32 bytes, handler await-task", workloads.Find("waits").Summary);
        Assert.EndsWith("lines of 32 bytes", workloads.Find("echoes").Summary);
    }

    [Fact]
    public void A_workload_may_ask_for_several_lines_of_a_connection_at_once()
    {
        string file = Write("""
            {
              "workloads": [
                { "name": "one", "kind": "closed-loop", "connections": 1, "window": 8, "lineSize": 32, "handler": "await-remote" },
                { "name": "eight", "kind": "closed-loop", "connections": 1, "window": 8, "lineSize": 32, "handler": "await-remote", "concurrentLines": 8 }
              ]
            }
            """);
        var workloads = Workloads.Load(file);
        File.Delete(file);
        Assert.Equal((1, 8), (workloads.Find("one").ConcurrentLines, workloads.Find("eight").ConcurrentLines));
        Assert.EndsWith(", handler await-remote", workloads.Find("one").Summary);
        Assert.EndsWith(", handler await-remote, 8 lines of a connection at once", workloads.Find("eight").Summary);
    }

    [Fact]
    public void Workloads_whose_handler_awaits_or_stores_run_only_by_name()
    {
        var workloads = Workloads.Load();
        Assert.Equal(
            [
                "await-yield", "await-yield-pipelined", "await-yield-many",
                "await-task", "await-task-pipelined", "await-task-many",
                "await-remote", "await-remote-pipelined", "await-remote-concurrent", "await-remote-many",
                "store-pipelined", "store-many", "store-request-reply", "store-lock-step", "store-deep",
            ],
            workloads.All.Except(workloads.RunByDefault).Select(workload => workload.Name),
            StringComparer.Ordinal);
    }

    [Theory]
    [InlineData(1, "this is not JSON", "nonsense")]
    [InlineData(3, "this is not JSON", "{ \"workloads\": [\n { \"name\": \"a\",\n nonsense } ] }")]
    [InlineData(1, "this is not JSON", "{ \"workloads\": [] } and more")]
    [InlineData(1, "the file begins with", "[]")]
    [InlineData(2, "there is no 'workload'", "{\n \"workload\": [] }")]
    [InlineData(1, "is a list", "{ \"workloads\": 5 }")]
    [InlineData(2, "a workload is an object", "{ \"workloads\": [\n 5 ] }")]
    [InlineData(2, "the workload has no 'name'", "{ \"workloads\": [\n { \"kind\": \"churn\" } ] }")]
    [InlineData(2, "the workload 'a' has no 'kind'", "{ \"workloads\": [\n { \"name\": \"a\" } ] }")]
    [InlineData(2, "lower-case letters, digits and dashes, not 'A b'", "{ \"workloads\": [\n { \"name\": \"A b\", \"kind\": \"churn\" } ] }")]
    [InlineData(3, "there is no kind 'loop'; there are: closed-loop, open-loop", "{ \"workloads\": [\n { \"name\": \"a\",\n \"kind\": \"loop\" } ] }")]
    [InlineData(2, "has no 'window'; it has: connections, lineSize", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"churn\", \"connections\": 1, \"lineSize\": 32, \"window\": 1 } ] }")]
    [InlineData(3, "there is no 'handler' 'await-nothing' that replies; there are: echo, await-yield, await-task, await-remote", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"closed-loop\", \"connections\": 1, \"window\": 1, \"lineSize\": 32,\n \"handler\": \"await-nothing\" } ] }")]
    [InlineData(2, "there is no 'handler' 'discard' that replies", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"closed-loop\", \"connections\": 1, \"window\": 1, \"lineSize\": 32, \"handler\": \"discard\" } ] }")]
    [InlineData(2, "'handler' is a string, not 5", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"closed-loop\", \"connections\": 1, \"window\": 1, \"lineSize\": 32, \"handler\": 5 } ] }")]
    [InlineData(3, "'a' is of kind open-loop, which has no 'handler'", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"open-loop\", \"connections\": 1, \"window\": 1, \"lineSize\": 32, \"rate\": 5,\n \"handler\": \"await-yield\" } ] }")]
    [InlineData(3, "'concurrentLines' is a whole number from 1 to 4, not 5", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"closed-loop\", \"connections\": 1, \"window\": 4, \"lineSize\": 32, \"handler\": \"await-remote\",\n \"concurrentLines\": 5 } ] }")]
    [InlineData(3, "'concurrentLines' needs the 'handler' 'await-remote'", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"closed-loop\", \"connections\": 1, \"window\": 4, \"lineSize\": 32, \"handler\": \"await-task\",\n \"concurrentLines\": 2 } ] }")]
    [InlineData(2, "the workload 'a' has no 'connections'", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"churn\", \"lineSize\": 32 } ] }")]
    [InlineData(3, "'connections' is a whole number from 1 to 1000000, not 0", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"churn\", \"lineSize\": 32,\n \"connections\": 0 } ] }")]
    [InlineData(2, "'lineSize' is a whole number from 8 to 65536, not 7.5", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"churn\", \"connections\": 1, \"lineSize\": 7.5 } ] }")]
    [InlineData(2, "'maxLineSize' is a whole number from 33 to 65536, not 32", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"ingest\", \"connections\": 1, \"lineSize\": 32, \"maxLineSize\": 32 } ] }")]
    [InlineData(2, "has no 'rate'", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"open-loop\", \"connections\": 1, \"window\": 1, \"lineSize\": 32 } ] }")]
    [InlineData(2, "'load' is a number above 0, up to 1, not 1.5", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"open-loop\", \"connections\": 1, \"window\": 1, \"lineSize\": 32, \"load\": 1.5 } ] }")]
    [InlineData(2, "'rate' and 'load' cannot be given together", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"open-loop\", \"connections\": 1, \"window\": 1, \"lineSize\": 32, \"load\": 1, \"rate\": 5 } ] }")]
    [InlineData(2, "each larger than the one before, not [20, 10]", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"idle\", \"lineSize\": 32, \"steps\": [20, 10] } ] }")]
    [InlineData(2, "'active' is a whole number from 1 to 1000000, not -1", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"idle\", \"lineSize\": 32, \"steps\": [10], \"active\": -1, \"rate\": 1 } ] }")]
    [InlineData(2, "'active' and 'rate' need each other", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"idle\", \"lineSize\": 32, \"steps\": [10], \"active\": 1 } ] }")]
    [InlineData(3, "'lineSize' is given twice", "{ \"workloads\": [\n { \"name\": \"a\", \"kind\": \"churn\", \"lineSize\": 32,\n \"lineSize\": 32 } ] }")]
    [InlineData(3, "'overview' is the name of a table", "{ \"workloads\": [\n\n { \"name\": \"overview\", \"kind\": \"churn\", \"connections\": 1, \"lineSize\": 32 } ] }")]
    [InlineData(2, "'machine' is the name of a table", "{ \"workloads\": [\n { \"name\": \"machine\", \"kind\": \"churn\", \"connections\": 1, \"lineSize\": 32 } ] }")]
    [InlineData(2, "'scale-cpu' is the name of a table", "{ \"workloads\": [\n { \"name\": \"scale-cpu\", \"kind\": \"churn\", \"connections\": 1, \"lineSize\": 32 } ] }")]
    [InlineData(2, "'scale-behind' is the name of a table", "{ \"workloads\": [\n { \"name\": \"scale-behind\", \"kind\": \"churn\", \"connections\": 1, \"lineSize\": 32 } ] }")]
    [InlineData(2, "there is a workload 'many' already", "{ \"workloads\": [\n { \"name\": \"many\", \"kind\": \"churn\", \"connections\": 1, \"lineSize\": 32 } ] }")]
    public void What_is_wrong_is_told_with_its_line(int line, string problem, string text)
    {
        string file = Write(text);
        string message = Assert.Throws<UsageException>(() => Workloads.Load(file)).Message;
        Assert.StartsWith($"{file}:{line}: ", message);
        Assert.Contains(problem, message);
        File.Delete(file);
    }

    [Fact]
    public void A_file_that_is_not_there_is_told() =>
        Assert.Contains("cannot read the workloads: ", Assert.Throws<UsageException>(() => Workloads.Load("/nowhere/at.json")).Message);

    private static string Write(string text)
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, text);
        return file;
    }
}
