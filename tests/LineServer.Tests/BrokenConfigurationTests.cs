using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Each error is reported in one line with the place and the key. Exit status 78.</summary>
public sealed class BrokenConfigurationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    public static TheoryData<string, string> Files => new()
    {
        { "{", ":1: no valid JSON: Expected depth to be zero at the end of the JSON payload. There is an open JSON object or array that should be closed." },
        { "", ":1: no valid JSON: The input does not contain any JSON tokens. Expected the input to start with a valid JSON token, when isFinalBlock is true." },
        { "[1]", ": the file holds no JSON object" },
        { "{\n\"Lineserver2\": {} }", ":2: Lineserver2: unknown key; did you mean 'LineServer'?" },
        { "{\n\"Kestrel\": {} }", ":2: Kestrel: unknown key; everything stands under 'LineServer' (or .NET's 'Logging')" },
        { "{ \"LineServer\": {\n\n \"Limit\": {} } }", ":3: LineServer:Limit: unknown key; did you mean 'Limits'?" },
        { "{ \"LineServer\": { \"Limits\": {\n\"maxLinSize\": 1 } } }", ":2: LineServer:Limits:maxLinSize: unknown key; did you mean 'Limits:MaxLineSize'?" },
        { "{ \"LineServer\": { \"Limits\": {\n\"MaxLineSize\": \"64kB\" } } }", ":2: LineServer:Limits:MaxLineSize: '64kB' is not a size in bytes, for instance 65536, 64k or 1M" },
        { "{ \"Logging\": { \"LogLevels\": { \"Default\": \"Debug\" } } }", ":1: Logging:LogLevels: unknown key; did you mean 'Logging:LogLevel'?" },
        { "{ \"LineServer\": { \"Limits\": {\n\"MaxLineSize\": \"big\" } } }", ":2: LineServer:Limits:MaxLineSize: 'big' is not a size in bytes, for instance 65536, 64k or 1M" },
        { "{ \"LineServer\": { \"Limits\": {\n\"MaxLineSize\": 0 } } }", ":2: LineServer:Limits:MaxLineSize: must be 1 to 1073741824, not 0" },
        { "{ \"LineServer\": { \"Limits\": {\n\"MaxLineSize\": null } } }", ":2: LineServer:Limits:MaxLineSize: '' is not a size in bytes, for instance 65536, 64k or 1M" },
        { "{ \"LineServer\": { \"Limits\": {\n\"IdleTimeout\": 30 } } }", ":2: LineServer:Limits:IdleTimeout: '30' is not a time, for instance 30s, 500ms or 00:00:30, or null for unlimited" },
        { "{ \"LineServer\": { \"Limits\": {\n\"LineTimeout\": \"00:00:00\" } } }", ":2: LineServer:Limits:LineTimeout: must be longer than zero and at most 40.00:00:00, not 00:00:00" },
        { "{ \"LineServer\": { \"Limits\": {\n\"MaxConcurrentConnections\": 0 } } }", ":2: LineServer:Limits:MaxConcurrentConnections: must be at least 1, not 0" },
        { "{ \"LineServer\": { \"Limits\": {\n\"Backlog\": 1,\n\"backlog\": 2 } } }", ":3: LineServer:Limits:backlog: duplicate key (keys are case-insensitive)" },
        { "{ \"LineServer\": { \"Limits\": {\n\"MaxLineSize\": 2000000 },\n\"Endpoints\": { \"e\": { \"Address\": \"tcp://[::1]:1\", \"Limits\": { \"IdleTimeout\": null } } } } }", ":2: LineServer:Limits:MaxLineSize: MaxReadBufferSize (1048576) must hold a line of MaxLineSize (2000000) and its terminator: at least 2000002" },
        { "{ \"LineServer\": { \"Framing\": {\n\"Delimiter\": 256 } } }", ":2: LineServer:Framing:Delimiter: '256' is not LF, NUL, CR or a number from 0 to 255" },
        { "{ \"LineServer\": { \"Framing\": {\n\"OversizeLineBehavior\": \"Explode\" } } }", ":2: LineServer:Framing:OversizeLineBehavior: 'Explode' is not one of Close, Discard, Truncate" },
        { "{ \"LineServer\": { \"Framing\": {\n\"Mode\": \"Octets\" } } }", ":2: LineServer:Framing:Mode: 'Octets' is not one of Lines, OctetCounted, Auto" },
        { "{ \"LineServer\": { \"Framing\": { \"Delimiter\": \"NUL\",\n\"Mode\": \"Auto\" } } }", ":2: LineServer:Framing:Mode: Auto needs Delimiter LF, not NUL" },
        { "{ \"LineServer\": { \"Framing\": { \"Mode\": \"OctetCounted\" }, \"Endpoints\": { \"e\": { \"Address\": \"tcp://127.0.0.1:1\", \"Framing\": {\n\"Delimiter\": 0 } } } } }", ":2: LineServer:Endpoints:e:Framing:Delimiter: Mode OctetCounted needs Delimiter LF, not NUL" },
        { "{ \"LineServer\": {\n\"Framing\": 7 } }", ":2: LineServer:Framing: an object was expected" },
        { "{ \"LineServer\": {\n\"Transport\": \"pigeon\" } }", ":2: LineServer:Transport: 'pigeon' is no transport; there are: epoll, sockets" },
        { "{ \"LineServer\": { \"Endpoints\": {\n\"e\": \"tcp://127.0.0.1:1\" } } }", ":2: LineServer:Endpoints:e: an object was expected" },
        { "{ \"LineServer\": { \"Endpoints\": {\n\"e\": { \"Handler\": \"echo\" } } } }", ":2: LineServer:Endpoints:e: the endpoint has no Address; write tcp://HOST:PORT, unix:PATH or systemd:NAME" },
        { "{ \"LineServer\": { \"Endpoints\": {\n\"e\": { \"Address\": \"udp://127.0.0.1:1\" } } } }", ":2: LineServer:Endpoints:e:Address: 'udp://127.0.0.1:1' is no address; write tcp://HOST:PORT, unix:PATH or systemd:NAME" },
        { "{ \"LineServer\": { \"Endpoints\": { \"e\": { \"Address\": \"tcp://127.0.0.1:1\",\n\"Handler\": \"eco\" } } } }", ":2: LineServer:Endpoints:e:Handler: 'eco' is no handler; did you mean 'echo'?" },
        { "{ \"LineServer\": { \"Endpoints\": { \"e\": { \"Address\": \"tcp://127.0.0.1:1\", \"Handler\": \"delay\",\n\"Prefix\": \"x\" } } } }", ":2: LineServer:Endpoints:e:Prefix: the handler 'delay' has no such option" },
        { "{ \"LineServer\": { \"Endpoints\": { \"e\": { \"Address\": \"tcp://127.0.0.1:1\",\n\"Prefix\": \"x\\n\" } } } }", ":2: LineServer:Endpoints:e:Prefix: it holds the delimiter (LF), so that one reply would become two" },
        { "{ \"LineServer\": { \"Endpoints\": { \"e\": { \"Address\": \"tcp://127.0.0.1:1\", \"Limits\": {\n\"MaxTotalBufferSize\": 1 } } } } }", ":2: LineServer:Endpoints:e:Limits:MaxTotalBufferSize: it is a limit over all endpoints, and can be set for the whole server only (LineServer:Limits)" },
        { "{ \"LineServer\": { \"Endpoints\": { \"e\": { \"Address\": \"tcp://127.0.0.1:1\", \"Limits\": {\n\"MaxLineSize\": 2000000 } } } } }", ":2: LineServer:Endpoints:e:Limits:MaxLineSize: MaxReadBufferSize (1048576) must hold a line of MaxLineSize (2000000) and its terminator: at least 2000002" },
        { "{ \"LineServer\": { \"Endpoints\": { \"a\": { \"Address\": \"tcp://127.0.0.1:1\" },\n\"b\": { \"Address\": \"TCP://127.0.0.1:1\" } } } }", ":2: LineServer:Endpoints:b:Address: tcp://127.0.0.1:1 is the address of endpoint 'a' already" },
        { "{ \"LineServer\": { \"Endpoints\": [\n{ \"Address\": \"tcp://127.0.0.1:1\", \"address\": \"\" }, { \"Address\": \"tcp://127.0.0.1:2\" } ] } }", ": A duplicate key 'LineServer:Endpoints:0:address' was found." },
        { "{ \"Logging\": { \"LogLevel\": {\n\"Default\": \"Loud\" } } }", ":2: Logging:LogLevel:Default: 'Loud' is not one of Trace, Debug, Information, Warning, Error, Critical, None" },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public async Task In_a_file(string json, string problem)
    {
        string file = _directory.Write("broken.json", json);
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--config", file);
        check.AssertOneLine(78, $"lineserver: {file}{problem}");
    }

    [Fact]
    public async Task Run_refuses_what_check_refuses_and_says_every_mistake()
    {
        string file = _directory.Write("broken.json", """
            { "LineServer": {
                // a comment, and a trailing comma
                "Limits": { "MaxLineSize": -1, },
                "Endpoints": {
                  "a": { "Address": "nowhere" },
                  "b": { "Adress": "tcp://127.0.0.1:0" } } } }
            """);
        FinishedProcess run = await DaemonProcess.RunAsync("--config", file);
        Assert.Equal(
            [
                $"lineserver: {file}:3: LineServer:Limits:MaxLineSize: must be 1 to 1073741824, not -1",
                $"lineserver: {file}:5: LineServer:Endpoints:a:Address: 'nowhere' is no address; write tcp://HOST:PORT, unix:PATH or systemd:NAME",
                $"lineserver: {file}:6: LineServer:Endpoints:b:Adress: unknown key; did you mean 'Endpoints:b:Address'?",
                $"lineserver: {file}:6: LineServer:Endpoints:b: the endpoint has no Address; write tcp://HOST:PORT, unix:PATH or systemd:NAME",
            ],
            run.ErrorLines,
            StringComparer.Ordinal);
        Assert.Equal(78, run.Status);
    }

    [Theory]
    [InlineData("LINESERVER__Limits__MaxLineSize", "abc", "LineServer:Limits:MaxLineSize: 'abc' is not a size in bytes, for instance 65536, 64k or 1M")]
    [InlineData("LineServer__Limits__MaxLinesize", "-1", "LineServer:Limits:MaxLineSize: must be 1 to 1073741824, not -1")]
    [InlineData("LINESERVER__Bogus", "1", "LineServer:Bogus: unknown key; there are: Endpoints, Epoll, Framing, Limits, Sockets, Stores, Transport")]
    [InlineData("LINESERVER__Endpoints__e__Handler", "echo", "LineServer:Endpoints:e: the endpoint has no Address; write tcp://HOST:PORT, unix:PATH or systemd:NAME")]
    public async Task In_the_environment(string variable, string value, string problem) =>
        (await DaemonProcess.RunAsync(new DaemonStart { Environment = { [variable] = value } })).AssertOneLine(78, $"lineserver: environment variable {variable}: {problem}");

    [Theory]
    [InlineData("Limits:MaxLineSize=abc", "LineServer:Limits:MaxLineSize: 'abc' is not a size in bytes, for instance 65536, 64k or 1M")]
    [InlineData("LineServer:Transport=sockets", "LineServer:LineServer: unknown key; there are: Endpoints, Epoll, Framing, Limits, Sockets, Stores, Transport")]
    [InlineData("Epoll:LoopCount=0", "LineServer:Epoll:LoopCount: must be at least 1, not 0")]
    [InlineData("Epoll:ReadBudget=none", "LineServer:Epoll:ReadBudget: 'none' is not a size in bytes, for instance 65536, 64k or 1M")]
    [InlineData("Epoll:HeldLoopThreshold=00:00:00", "LineServer:Epoll:HeldLoopThreshold: must be at least 1 ms, not 00:00:00")]
    [InlineData("Epoll:HeldLoopThreshold=60.00:00:00", "LineServer:Epoll:HeldLoopThreshold: must be at most 24 days, not 60.00:00:00")]
    [InlineData("Sockets:UnsafePreferInlineScheduling=maybe", "LineServer:Sockets:UnsafePreferInlineScheduling: 'maybe' is not true or false")]
    [InlineData("Transport=pigeon", "LineServer:Transport: 'pigeon' is no transport; there are: epoll, sockets")]
    public async Task On_the_command_line(string set, string problem) =>
        (await DaemonProcess.RunAsync("--set", set)).AssertOneLine(78, $"lineserver: command line: {problem}");

    [Fact]
    public async Task A_file_that_cannot_be_read()
    {
        (await DaemonProcess.RunAsync("--config", _directory["none"])).AssertOneLine(78, $"lineserver: {_directory["none"]}: the file cannot be read: it does not exist");
        (await DaemonProcess.RunAsync("--config", _directory.Path)).AssertOneLine(78, $"lineserver: {_directory.Path}: the file cannot be read: permission denied, or it is a directory");
        Assert.Equal(78, (await DaemonProcess.RunAsync("--config", "")).Status);
    }
}
