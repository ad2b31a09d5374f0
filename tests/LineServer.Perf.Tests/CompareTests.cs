using System.Text.Json;

namespace LineServer.Perf.Tests;

/// <summary>The harness on the daemon, on both of its transports, and on the C server: for correctness, so all replies are checked and no time is.</summary>
public class CompareTests
{
    // Of each kind of line and of connection, in the shortest time: what is checked are replies, and thousands come in a tenth of a second.
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

            // One that could not be started does not fail a comparison, but this test.
            Assert.Empty(document.RootElement.GetProperty("absences").EnumerateArray().Select(absence => absence.GetProperty("reason").GetString()));
            JsonElement[] rounds = [.. document.RootElement.GetProperty("measurements").EnumerateArray()];
            Assert.Equal(
                Workloads.SelectMany(workload => Servers.Select(server => $"{workload}: {server}")),
                rounds.Select(round => $"{round.GetProperty("workload").GetString()}: {round.GetProperty("server").GetString()}"),
                StringComparer.Ordinal);

            // On a busy machine a tenth of a second may pass before the first of them comes; the latency is that of those that came later, too.
            Assert.All(rounds.Select(round => round.GetProperty("measured")), measured =>
                Assert.NotEqual(0, measured.GetProperty("lines").GetInt64() + measured.GetProperty("fromSent").GetProperty("count").GetInt64()));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
