using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LineServer.Perf.Linux;
using LineServer.Perf.Servers;

namespace LineServer.Perf.Tests;

/// <summary>Starting and ending a server, and checking that it is the process that is measured; with real processes.</summary>
public class ServerProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly string Program = $"{AppContext.BaseDirectory}/lineperf wrong-server --port {{port}} --fault drop --every 1000";

    [Fact]
    public void What_is_started_is_what_listens_and_it_ends_with_the_object()
    {
        int port;
        using (var server = ServerProcess.Start(ServerCommand.Parse($"mine=env KEY=value {Program}"), Cores.Parse("--server-cpus", "0")))
        {
            port = server.EndPoint.Port;
            Assert.True(ListeningPort.IsHeldBy(server.Id, port));
            Assert.False(ListeningPort.IsHeldBy(Environment.ProcessId, port));
        }

        Assert.False(Answers(port));
    }

    // The shell waits for the server, in two ways; it ends at once; it ends when the server listens.
    [Theory]
    [InlineData("sh -c 'PROGRAM; true'")]
    [InlineData("sh -c 'PROGRAM & wait'")]
    [InlineData("sh -c ': >FILE; PROGRAM &'")]
    [InlineData("bash -c 'PROGRAM & until (exec 3<>/dev/tcp/127.0.0.1/{port}); do sleep 0.1; done'")]
    public void A_server_that_is_not_the_process_that_was_started_is_refused_and_does_not_outlive_it(string command)
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            // The file's name is the server's port. A shell that does not wait creates the file itself, because
            // the server may be killed before it does.
            string file = $"{folder}/{{port}}";
            command = command.Replace("FILE", file, StringComparison.Ordinal).Replace("PROGRAM", $"{Program} 2>{file}", StringComparison.Ordinal);
            string message = Assert.Throws<RunFailedException>(() => ServerProcess.Start(ServerCommand.Parse($"mine={command}"), Cores.Parse("--server-cpus", "0"))).Message;
            Assert.Contains("into the background", message);
            int port = int.Parse(Path.GetFileName(Assert.Single(Directory.GetFiles(folder))), CultureInfo.InvariantCulture);

            // The kernel may take a while to end it.
            Assert.True(SpinWait.SpinUntil(() => !Answers(port), Patience), "it has outlived its process group");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("/nowhere/mine --port {port}", "/nowhere/mine")]
    [InlineData("sh -c 'oh {port}", "nterminated quoted string", "unexpected EOF")]
    public void What_the_shell_says_of_a_command_is_in_the_last_words(string command, params string[] anyOf)
    {
        string message = Assert.Throws<RunFailedException>(() => ServerProcess.Start(ServerCommand.Parse($"mine={command}"), Cores.Parse("--server-cpus", "0"))).Message;
        Assert.Contains("before it listened; its last words: ", message);
        Assert.True(Array.Exists(anyOf, words => message.Contains(words, StringComparison.Ordinal)), message);
    }

    [Fact]
    public void Control_characters_of_last_words_are_escaped()
    {
        string message = Assert.Throws<RunFailedException>(
            () => ServerProcess.Start(ServerCommand.Parse("mine=printf '{port} \\033[31mred\\n\\302\\233blue ü\\n'"), Cores.Parse("--server-cpus", "0"))).Message;
        Assert.EndsWith(@" \x1b[31mred | \x9bblue ü", message);
    }

    [Fact]
    public void Nothing_is_left_of_what_a_server_wrote()
    {
        using var output = new ServerOutput();
        Assert.EndsWith(" (deleted)", new FileInfo(output.Path).LinkTarget);
        using Process writer = Process.Start("sh", ["-c", $"echo words >{output.Path}"]);
        writer.WaitForExit();
        Assert.Equal("; its last words: words", output.LastWords());
    }

    [Theory]
    [InlineData("cd somewhere && ./mine --port {port}")]
    [InlineData("KEY=value ./mine --port {port}")]
    [InlineData("exec ./mine --port {port}")]
    public void A_command_that_is_not_one_program_is_refused(string command) =>
        Assert.Contains("env -C DIR KEY=VALUE program", Assert.Throws<UsageException>(() => ServerCommand.Parse($"mine={command}")).Message);

    private static bool Answers(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
            return !socket.LocalEndPoint!.Equals(socket.RemoteEndPoint);
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
