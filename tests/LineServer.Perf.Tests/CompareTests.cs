using System.Text.Json;

namespace LineServer.Perf.Tests;

/// <summary>
/// lineperf on the C server and on ours, on both transports. lineperf checks every reply; no times are asserted.
/// </summary>
public class CompareTests
{
    // All kinds of lines and connections, for a short time: a tenth of a second has thousands of replies.
    private static readonly string[] Workloads = ["request-reply", "pipelined", "big-lines", "mixed", "churn", "scale-100"];
    private static readonly string[] Servers = ["c-epoll", "sockets", "epoll"];

    [Fact]
    public async Task The_daemon_on_sockets_and_on_epoll_answers_every_line_as_the_C_server_does()
    {
        string file = Path.GetTempFileName();
        try
        {
            (int exitStatus, _, string notes) = await Lineperf.RunAsync(
                "compare", "--servers", string.Join(',', Servers), "--workloads", string.Join(',', Workloads), "--rounds", "1", "--seconds", "0.1", "--warmup", "0.1",
                "--server-cpus", "0", "--generator-cpus", "0", "--json", file);
            Assert.True(exitStatus == 0, notes);
            using var document = JsonDocument.Parse(File.ReadAllText(file));

            // A server that cannot be started does not fail a comparison, but it fails this test.
            Assert.Empty(document.RootElement.GetProperty("absences").EnumerateArray().Select(absence => absence.GetProperty("reason").GetString()));
            JsonElement[] rounds = [.. document.RootElement.GetProperty("measurements").EnumerateArray()];
            Assert.Equal(
                Workloads.SelectMany(workload => Servers.Select(server => $"{workload}: {server}")),
                rounds.Select(round => $"{round.GetProperty("workload").GetString()}: {round.GetProperty("server").GetString()}"),
                StringComparer.Ordinal);

            // On a busy machine the first reply may arrive after that tenth of a second. Latencies include later ones.
            Assert.All(rounds.Select(round => round.GetProperty("measured")), measured =>
                Assert.NotEqual(0, measured.GetProperty("lines").GetInt64() + measured.GetProperty("fromSent").GetProperty("count").GetInt64()));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Handlers_that_await_answer_every_line_and_a_server_without_them_is_named()
    {
        string file = Path.GetTempFileName();
        try
        {
            (int exitStatus, string output, string notes) = await Lineperf.RunAsync(
                "compare", "--servers", "awaits-epoll,awaits-sockets,epoll",
                "--workloads", "await-yield,await-task-pipelined,await-remote-concurrent",
                "--rounds", "1", "--seconds", "0.1", "--warmup", "0.1", "--server-cpus", "0", "--generator-cpus", "0",
                "--json", file);
            Assert.True(exitStatus == 0, notes);
            Assert.Contains("await-yield: 50 connections, 1 in flight each, lines of 32 bytes, handler await-yield", output);
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            Assert.Equal(
                [
                    "await-yield: epoll has no await-yield mode",
                    "await-task-pipelined: epoll has no await-task mode",
                    "await-remote-concurrent: epoll has no await-remote mode",
                ],
                document.RootElement.GetProperty("absences").EnumerateArray().Select(absence =>
                    $"{absence.GetProperty("workload")}: {absence.GetProperty("server")} {absence.GetProperty("reason")}"),
                StringComparer.Ordinal);
            Assert.Equal(
                [
                    "await-yield: awaits-epoll", "await-yield: awaits-sockets",
                    "await-task-pipelined: awaits-epoll", "await-task-pipelined: awaits-sockets",
                    "await-remote-concurrent: awaits-epoll", "await-remote-concurrent: awaits-sockets",
                ],
                document.RootElement.GetProperty("measurements").EnumerateArray().Select(round =>
                    $"{round.GetProperty("workload")}: {round.GetProperty("server")}"),
                StringComparer.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
