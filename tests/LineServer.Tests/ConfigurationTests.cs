using System.Text.Json.Nodes;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>The sources of settings, and which one wins.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private const string Json = """
        { // comments may stand here
          "LineServer": {
            "Limits": { "MaxLineSize": 100, "MaxReadBufferSize": 200000, "LineTimeout": null, "Backlog": 10 }, /* and here */
            "Framing": { "Delimiter": 0 },
            "Endpoints": {
              "one": { "Address": "tcp://127.0.0.1:0", "Handler": "ECHO", "Prefix": "ü \"quoted\" \t" },
              "two": { "Address": "unix:two.sock", "Handler": "print", "Limits": { "MaxLineSize": 7, "MaxConcurrentConnections": 3 }, "Framing": { "Delimiter": "LF", "Mode": "auto" } },
              "three": { "Address": "systemd:lines", "Handler": "delay", "Limits": { "LineTimeout": "1.02:03:04.5" } },
            } } }
        """;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_command_line_goes_before_the_environment_and_that_before_the_file()
    {
        JsonNode server = await CheckAsync(new DaemonStart("check", "--config", _directory.Write("a.json", Json), "--set", "Limits:MaxReadBufferSize=300000", "--set", "Endpoints:one:Prefix=a=b")
        {
            Environment = { ["LINESERVER__Limits__MaxReadBufferSize"] = "400000", ["LINESERVER__Limits__Backlog"] = "20", ["lineserver__endpoints__two__limits__maxlinesize"] = "8" },
        });
        Assert.Equal(300000, (int)server["Limits"]!["MaxReadBufferSize"]!);
        Assert.Equal(20, (int)server["Limits"]!["Backlog"]!);
        Assert.Equal(100, (int)server["Limits"]!["MaxLineSize"]!);
        Assert.Equal("a=b", (string)server["Endpoints"]!["one"]!["Prefix"]!);
        Assert.Equal(8, (int)server["Endpoints"]!["two"]!["Limits"]!["MaxLineSize"]!);
    }

    [Fact]
    public async Task An_endpoint_goes_before_the_whole_server_and_null_is_unlimited()
    {
        JsonNode server = await CheckAsync(new DaemonStart("check", "--config", _directory.Write("a.json", Json)));
        JsonNode endpoints = server["Endpoints"]!;
        Assert.Null(server["Limits"]!["LineTimeout"]);
        Assert.Null(endpoints["one"]!["Limits"]!["LineTimeout"]);
        Assert.Equal("1.02:03:04.5000000", (string)endpoints["three"]!["Limits"]!["LineTimeout"]!);
        Assert.Equal([100, 7, 100], new[] { "one", "two", "three" }.Select(name => (int)endpoints[name]!["Limits"]!["MaxLineSize"]!));
        Assert.Equal(["NUL", "LF", "NUL"], new[] { "one", "two", "three" }.Select(name => (string)endpoints[name]!["Framing"]!["Delimiter"]!), StringComparer.Ordinal);
        Assert.Equal(["Lines", "Auto", "Lines"], new[] { "one", "two", "three" }.Select(name => (string)endpoints[name]!["Framing"]!["Mode"]!), StringComparer.Ordinal);
        Assert.Equal(["Close", "Truncate", "Close"], new[] { "one", "two", "three" }.Select(name => (string)endpoints[name]!["Framing"]!["OversizeLineBehavior"]!), StringComparer.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_has_a_limit_of_connections_only_if_it_sets_one_also_if_it_is_the_servers_number()
    {
        JsonNode server = await CheckAsync(new DaemonStart("check", "--config", _directory.Write("a.json", Json), "--set", "Limits:MaxConcurrentConnections=3"));
        Assert.Equal(3, (int)server["Limits"]!["MaxConcurrentConnections"]!);
        Assert.Equal(3, (int)server["Endpoints"]!["two"]!["Limits"]!["MaxConcurrentConnections"]!);
        Assert.Null(server["Endpoints"]!["one"]!["Limits"]!["MaxConcurrentConnections"]);
    }

    [Fact]
    public async Task What_check_prints_is_a_configuration_that_says_the_same()
    {
        var start = new DaemonStart("check", "--config", _directory.Write("a.json", Json), "--set", "Limits:IdleTimeout=00:05") { WorkingDirectory = _directory.Path };
        FinishedProcess first = await DaemonProcess.RunAsync(start);
        Assert.Equal(0, first.Status);
        FinishedProcess second = await DaemonProcess.RunAsync("check", "--config", _directory.Write("b.json", System.Text.Encoding.UTF8.GetString(System.Text.Encoding.Latin1.GetBytes(first.Output))));
        Assert.Equal(0, second.Status);
        Assert.Equal(first.Output, second.Output);
        Assert.Contains("\"Framing\"", first.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sizes_and_times_take_units_in_the_file_the_environment_and_the_command_line()
    {
        string file = _directory.Write("a.json", """
            { "LineServer": {
                "Limits": { "MaxLineSize": "64k", "IdleTimeout": "5m", "MaxTotalBufferSize": "1G" },
                "Endpoints": { "e": { "Address": "tcp://127.0.0.1:0", "Limits": { "LineTimeout": "500ms" } } } } }
            """);
        JsonNode server = await CheckAsync(new DaemonStart("check", "--config", file, "--set", "Epoll:ReadBudget=32KiB")
        {
            Environment = { ["LINESERVER__Limits__HandlerTimeout"] = "2h" },
        });
        JsonNode limits = server["Limits"]!;
        Assert.Equal([65_536, 1L << 30, 32_768], new[] { (long)limits["MaxLineSize"]!, (long)limits["MaxTotalBufferSize"]!, (long)server["Epoll"]!["ReadBudget"]! });
        Assert.Equal(["00:05:00", "02:00:00"], new[] { (string)limits["IdleTimeout"]!, (string)limits["HandlerTimeout"]! }, StringComparer.Ordinal);
        Assert.Equal("00:00:00.5000000", (string)server["Endpoints"]!["e"]!["Limits"]!["LineTimeout"]!);
    }

    private async Task<JsonNode> CheckAsync(DaemonStart start)
    {
        // One relative path there is for all tests; `check` binds it.
        FinishedProcess check = await DaemonProcess.RunAsync(start with { WorkingDirectory = _directory.Path });
        Assert.Equal("lineserver: ok\n", check.Error);
        return JsonNode.Parse(check.Output)!["LineServer"]!;
    }
}
