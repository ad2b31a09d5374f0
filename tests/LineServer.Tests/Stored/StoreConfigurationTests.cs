using System.Globalization;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>What can be wrong with stores and the endpoints that use them, and that each is told in one line.</summary>
public sealed class StoreConfigurationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    public static TheoryData<string, string> Files => new()
    {
        { """{ "Stores": { "m": {} }, "Endpoints": {} }""", "LineServer:Stores:m: the store has no Directory" },
        { """{ "Stores": { "m": { "Directory": "/s", "Durabilty": "Synced" } } }""", "LineServer:Stores:m:Durabilty: unknown key; did you mean 'Stores:m:Durability'?" },
        { """{ "Stores": { "m": { "Directory": "/s", "Durability": "Maybe" } } }""", "LineServer:Stores:m:Durability: 'Maybe' is not one of Synced, Written, Replicated" },
        { """{ "Stores": { "m": { "Directory": "/s", "SegmentSize": "1k" } } }""", "LineServer:Stores:m:SegmentSize: must be at least 65536, not 1024" },
        { """{ "Stores": { "m": { "Directory": "/s", "MaxStreams": 0 } } }""", "LineServer:Stores:m:MaxStreams: must be at least 1, not 0" },
        { """{ "Stores": { "m": { "Directory": "/s", "Retention": { "MaxAge": "0s" } } } }""", "LineServer:Stores:m:Retention:MaxAge: must be positive, not 00:00:00" },
        { """{ "Stores": { "m": { "Directory": "/s" }, "n": { "Directory": "/s/" } } }""", "LineServer:Stores:n:Directory: /s is the directory of store 'm' already" },
        { """{ "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "append", "Stream": "s" } } }""", "LineServer:Endpoints:e: the handler 'append' needs a Store" },
        { """{ "Stores": { "m": { "Directory": "/s" } }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "append", "Store": "n", "Stream": "s" } } }""", "LineServer:Endpoints:e:Store: 'n' is no store of LineServer:Stores; there are: m" },
        { """{ "Stores": { "m": { "Directory": "/s" } }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "append", "Store": "m" } } }""", "LineServer:Endpoints:e: without Acknowledge, 'append' needs a Stream: the name under which lines are stored" },
        { """{ "Stores": { "m": { "Directory": "/s" } }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "append", "Store": "m", "Stream": ".." } } }""", "LineServer:Endpoints:e:Stream: '..' is no name for a stream: 1 to 64 letters, digits and . _ -, the first a letter or digit" },
        { """{ "Stores": { "m": { "Directory": "/s" } }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "append", "Store": "m", "Acknowledge": true, "Framing": { "Mode": "Auto" } } } }""", "LineServer:Endpoints:e:Framing:Mode: with Acknowledge, the protocol decides it" },
        { """{ "Stores": { "m": { "Directory": "/s" } }, "Endpoints": { "e": { "Address": "tcp://0.0.0.0:1", "Handler": "append", "Store": "m", "Acknowledge": true, "Tokens": [ { "Secret": "x", "Streams": "*" } ] } } }""", "LineServer:Endpoints:e:Tokens: tcp://0.0.0.0:1 is TCP without TLS: everyone on the way could read the tokens" },
        { """{ "Stores": { "m": { "Directory": "/s" } }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "append", "Store": "m", "Acknowledge": true, "Tokens": [ { "Secret": "x y", "Streams": "*" } ] } } }""", "LineServer:Endpoints:e:Tokens:0:Secret: must be 1 to 128 visible ASCII characters" },
        { """{ "Stores": { "m": { "Directory": "/s" } }, "Framing": { "Delimiter": "NUL" }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "append", "Store": "m", "Stream": "s" } } }""", "LineServer:Endpoints:e:Framing:Delimiter: 'append' keeps lines that end with LF" },
        { """{ "Endpoints": { "e": { "Address": "tcp://127.0.0.1:1", "Handler": "echo", "Store": "m" } } }""", "LineServer:Endpoints:e:Store: 'm' is no store of LineServer:Stores" },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public async Task In_the_file(string server, string problem)
    {
        string file = _directory.Write("lineserver.json", $$"""{ "LineServer": {{server}} }""");
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--config", file);
        Assert.Equal(78, check.Status);
        Assert.StartsWith("lineserver: ", check.ErrorLines[0], StringComparison.Ordinal);
        Assert.Contains(problem, check.ErrorLines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_the_command_line()
    {
        (await DaemonProcess.RunAsync("--handler", "append")).AssertUsage("lineserver: the handler 'append' needs --store DIR.");
        (await DaemonProcess.RunAsync("--handler", "echo", "--store", "x")).AssertUsage("lineserver: --store is for --handler append and --handler read.");
        (await DaemonProcess.RunAsync("--acknowledge")).AssertUsage("lineserver: --acknowledge is for --handler append.");
    }

    [Fact]
    public async Task The_short_form_shows_what_it_stands_for()
    {
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", "tcp://127.0.0.1:0", "--handler", "append", "--store", _directory["store"]);
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("kept\n");
        client.HalfClose();
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal("kept\n", await File.ReadAllTextAsync(_directory["store/lines/append/0000000000000000001.log"], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_store_that_is_in_use_or_cannot_be_made_ends_the_start_in_one_line()
    {
        string store = _directory["store"];
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", "tcp://127.0.0.1:0", "--handler", "append", "--store", store);
        await daemon.EndPointAsync();
        FinishedProcess second = await DaemonProcess.RunAsync("--listen", "tcp://127.0.0.1:0", "--handler", "append", "--store", store);
        second.AssertOneLine(1, $"lineserver: store 'main' ({store}): {store} is in use by another process");
        FinishedProcess nowhere = await DaemonProcess.RunAsync("--listen", "tcp://127.0.0.1:0", "--handler", "append", "--store", "/proc/store");
        Assert.Equal(1, nowhere.Status);
        Assert.StartsWith("lineserver: store 'main' (/proc/store): ", Assert.Single(nowhere.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Descriptors_of_a_store_are_none_of_connections()
    {
        int without = await MostConnectionsAsync("--listen", "tcp://127.0.0.1:0");
        int with = await MostConnectionsAsync("--listen", "tcp://127.0.0.1:0", "--handler", "append", "--store", _directory["store"]);
        Assert.InRange(without - with, 2000 / 16, 2000 / 4);
    }

    [Fact]
    public async Task Secrets_are_not_printed()
    {
        string file = _directory.Write(
            "lineserver.json",
            """{ "LineServer": { "Stores": { "m": { "Directory": "/s" } }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:0", "Handler": "append", "Store": "m", "Acknowledge": true, "Tokens": [ { "Secret": "s3cret", "Streams": "web-*" } ] } } } }""");
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--config", file);
        Assert.Equal(0, check.Status);
        Assert.DoesNotContain("s3cret", check.Output, StringComparison.Ordinal);
        Assert.Contains("\"Streams\": \"web-*\"", check.Output, StringComparison.Ordinal);
    }

    private static async Task<int> MostConnectionsAsync(params string[] arguments)
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(arguments) { Through = ["prlimit", "--nofile=2000"] });
        string started = await daemon.Log.FirstAsync("MaxConcurrentConnections ");
        return int.Parse(started.Split("MaxConcurrentConnections ")[1].Split(',')[0], CultureInfo.InvariantCulture);
    }
}
