using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>`lineserver check`: the effective configuration on standard output, the verdict on standard error.</summary>
public sealed class CheckTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Where_all_is_well_it_says_ok_and_shows_prefix_and_log_levels()
    {
        string file = _directory.Write("a.json", """
            { "Logging": { "LogLevel": { "Microsoft": "Error" }, "Console": { "LogLevel": { "Default": "Debug" } } },
              "LineServer": { "Endpoints": {
                "plain": { "Address": "tcp://127.0.0.1:0" },
                "lines": { "Address": "systemd:lines", "Handler": "print" } } } }
            """);
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--config", file, "--set", "Endpoints:plain:Prefix=> ");
        Assert.Equal(("lineserver: ok\n", 0), (check.Error, check.Status));
        JsonNode root = JsonNode.Parse(check.Output)!;
        Assert.Equal("> ", (string)root["LineServer"]!["Endpoints"]!["plain"]!["Prefix"]!);
        Assert.False((bool)root["LineServer"]!["Endpoints"]!["lines"]!["Raw"]!);
        Assert.Equal("""{"Console":{"LogLevel":{"Default":"Debug"}},"LogLevel":{"Microsoft":"Error","Default":"Information"}}""", root["Logging"]!.ToJsonString());
    }

    [Fact]
    public async Task An_address_in_use_is_a_finding_and_the_server_that_has_it_notices_nothing()
    {
        string path = _directory["a.sock"];
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", "tcp://127.0.0.1:0", "--listen", $"unix:{path}");
        string tcp = await daemon.AddressAsync("echo1");
        await daemon.AddressAsync("echo2");
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--set", $"Endpoints:one:Address={tcp}", "--set", $"Endpoints:two:Address=unix:{path}", "--set", "Endpoints:free:Address=tcp://127.0.0.1:0");
        Assert.Equal(
            [
                $"lineserver: endpoint 'one' cannot listen on {tcp}: the address is in use, by another process or another endpoint",
                $"lineserver: endpoint 'two' cannot listen on unix:{path}: another process listens on it",
            ],
            check.ErrorLines,
            StringComparer.Ordinal);
        Assert.Equal(1, check.Status);
        Assert.NotNull(JsonNode.Parse(check.Output)!["LineServer"]);
        foreach (EndPoint endPoint in new[] { await daemon.EndPointAsync("echo1"), new UnixDomainSocketEndPoint(path) })
        {
            using LineSocket client = await LineSocket.ConnectAsync(endPoint);
            await client.SendAsync("still here\n");
            client.HalfClose();
            Assert.Equal("still here\n", await client.ReadToEndAsync());
        }

        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task One_address_of_two_endpoints_under_two_names_is_a_finding()
    {
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)free.LocalEndPoint!).Port;
        free.Close();
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--set", $"Endpoints:a:Address=tcp://127.0.0.1:{port}", "--set", $"Endpoints:b:Address=tcp://localhost:{port}");
        Assert.Equal((1, $"lineserver: endpoint 'b' cannot listen on tcp://localhost:{port}: the address is in use, by another process or another endpoint\n"), (check.Status, check.Error));
    }

    [Fact]
    public async Task What_it_has_tried_it_leaves_as_it_was()
    {
        string path = _directory["a.sock"];
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--set", $"Endpoints:a:Address=unix:{path}");
        Assert.Equal(("lineserver: ok\n", 0), (check.Error, check.Status));
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }
}
