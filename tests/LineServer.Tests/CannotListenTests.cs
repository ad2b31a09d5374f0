using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>
/// An endpoint that cannot listen: one line with the reason, no stack trace, exit status 1.
/// </summary>
public sealed class CannotListenTests : IDisposable
{
    private const string Nobody = "65534";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_port_in_use()
    {
        await using DaemonProcess first = DaemonProcess.Serve("echo");
        string address = await first.AddressAsync();
        await AssertCannotListen(address, "the address is in use, by another process or another endpoint", "--listen", address);
    }

    [Fact]
    public async Task An_address_that_another_endpoint_has_under_another_name()
    {
        await using DaemonProcess first = DaemonProcess.Serve("echo");
        string address = await first.AddressAsync();
        Assert.Equal(0, await first.StopAsync());
        FinishedProcess second = await DaemonProcess.RunAsync("--listen", address, "--listen", address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal));
        second.AssertOneLine(1, $"lineserver: endpoint 'echo2' cannot listen on {address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)}: the address is in use, by another process or another endpoint");
    }

    [Fact]
    public Task An_address_that_is_not_this_machines() =>
        AssertCannotListen("tcp://192.0.2.1:0", "this machine has no such address", "--listen", "tcp://192.0.2.1:0");

    [Fact]
    public async Task A_host_that_does_not_exist()
    {
        FinishedProcess finished = await DaemonProcess.RunAsync("--listen", "tcp://no-such-host.invalid:0");
        Assert.StartsWith("lineserver: endpoint 'echo' cannot listen on tcp://no-such-host.invalid:0: the host name cannot be resolved: ", Assert.Single(finished.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(1, finished.Status);
    }

    [Fact]
    public Task A_directory_that_does_not_exist() =>
        AssertCannotListen($"unix:{_directory["none/a.sock"]}", "the directory does not exist", "--listen", $"unix:{_directory["none/a.sock"]}");

    [Fact]
    public Task A_socket_that_systemd_has_not_passed() =>
        AssertCannotListen("systemd:lines", "systemd has passed no sockets to this process (LISTEN_PID, LISTEN_FDS)", "--listen", "systemd:lines");

    [Fact]
    public async Task A_privileged_port_as_another_user()
    {
        await RequireNobodyAsync();
        string first = await File.ReadAllTextAsync("/proc/sys/net/ipv4/ip_unprivileged_port_start", TestContext.Current.CancellationToken);
        Assert.SkipWhen(int.Parse(first) <= 1, "this machine has no privileged ports");
        await AssertCannotListen(
            AsNobody("--listen", "tcp://127.0.0.1:1"), "tcp://127.0.0.1:1", "permission denied: ports below net.ipv4.ip_unprivileged_port_start (1024) need CAP_NET_BIND_SERVICE");
    }

    [Fact]
    public async Task A_directory_that_cannot_be_written()
    {
        await RequireNobodyAsync();
        await SetModeAsync("755", _directory.Path);
        string address = $"unix:{_directory["a.sock"]}";
        await AssertCannotListen(AsNobody("--listen", address), address, "permission denied: the directory is not writable");
    }

    [Fact]
    public async Task A_live_socket_of_another_user()
    {
        await RequireNobodyAsync();
        await SetModeAsync("777", _directory.Path);
        string path = _directory["a.sock"];
        await using DaemonProcess first = DaemonProcess.Start("--listen", $"unix:{path}");
        await first.EndPointAsync();
        await SetModeAsync("600", path);
        await AssertCannotListen(AsNobody("--listen", $"unix:{path}"), $"unix:{path}", $"permission denied: {path}.lock belongs to another user");
        Assert.True(File.Exists(path));
    }

    private static DaemonStart AsNobody(params string[] arguments) =>
        new(arguments) { Through = ["setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups"], WorkingDirectory = "/" };

    private static async Task RequireNobodyAsync()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can become another user");
        FinishedProcess version = await DaemonProcess.RunAsync(AsNobody("--version"));
        Assert.SkipUnless(version.Status == 0, "another user cannot read this checkout, or the .NET runtime");
    }

    private static async Task SetModeAsync(string mode, string path) => Assert.Equal(0, (await Tool.RunAsync("chmod", mode, path)).Status);

    private static Task AssertCannotListen(string address, string problem, params string[] arguments) => AssertCannotListen(new DaemonStart(arguments), address, problem);

    private static async Task AssertCannotListen(DaemonStart start, string address, string problem) =>
        (await DaemonProcess.RunAsync(start)).AssertOneLine(1, $"lineserver: endpoint 'echo' cannot listen on {address}: {problem}");
}
