using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Npgsql;

namespace LineServer.Storage.PostgreSql.Tests.Database;

/// <summary>A real PostgreSQL in a directory of its own: a primary, or a standby of one. Not as root, which it refuses.</summary>
internal sealed partial class PostgresServer : IAsyncDisposable
{
    private const int Nobody = 65534;
    private const int SigKill = 9;
    private const int SigStop = 19;
    private const int SigContinue = 18;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _data;
    private Process? _process;

    private PostgresServer(string directory, string name)
    {
        Name = name;
        _data = Path.Combine(directory, name);
        Port = FreePort();
    }

    /// <summary>The directory of its programs: those that <c>test.sh</c> has unpacked, else the machine's; null if there are none.</summary>
    public static string? Programs { get; } = new[] { Path.Combine(Unpacked, "usr/lib/postgresql"), "/usr/lib/postgresql" }
        .Where(Directory.Exists).SelectMany(Directory.GetDirectories).Select(version => Path.Combine(version, "bin")).FirstOrDefault(bin => File.Exists(Path.Combine(bin, "initdb")));

    public string Name { get; }

    public int Port { get; }

    private static string Unpacked => Environment.GetEnvironmentVariable("LINESERVER_TESTS_POSTGRESQL") ?? "/nonexistent";

    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username=postgres;Database=postgres";

    /// <summary>A primary without standbys.</summary>
    public static async Task<PostgresServer> StartPrimaryAsync(string directory)
    {
        Own(directory);
        var server = new PostgresServer(directory, "primary");
        await RunAsync("initdb", "-D", server._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions");
        await File.AppendAllTextAsync(
            Path.Combine(server._data, "postgresql.conf"),
            """
            listen_addresses = '127.0.0.1'
            unix_socket_directories = ''
            shared_buffers = 16MB
            max_wal_size = 256MB
            jit = off
            wal_receiver_status_interval = 1s
            wal_sender_timeout = 3s
            wal_receiver_timeout = 3s
            wal_retrieve_retry_interval = 200ms
            """);
        await server.StartAsync();
        return server;
    }

    /// <summary>A standby of a primary, which waits for it with each commit from now on.</summary>
    public static async Task<PostgresServer> StartStandbyAsync(string directory, PostgresServer primary)
    {
        var server = new PostgresServer(directory, "standby");
        await RunAsync("pg_basebackup", "-R", "-D", server._data, "--checkpoint=fast", "-d", $"host=127.0.0.1 port={primary.Port} user=postgres application_name=standby");
        await server.StartAsync();
        await primary.ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        await primary.ExecuteAsync("SELECT pg_reload_conf()");
        await primary.UntilAsync("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'");
        return server;
    }

    public async Task StartAsync()
    {
        _process = Start("postgres", "-D", _data, "-p", Port.ToString(CultureInfo.InvariantCulture));
        await UntilAsync("SELECT true");
    }

    /// <summary>SIGKILL, to all of its processes.</summary>
    public async Task KillAsync()
    {
        Signal(SigKill);
        await _process!.WaitForExitAsync().WaitAsync(Limit);
        _process.Dispose();
        _process = null;
    }

    public void Pause() => Signal(SigStop);

    public void Resume() => Signal(SigContinue);

    public async Task PromoteAsync()
    {
        await ExecuteAsync("SELECT pg_promote(wait => true)");
        await UntilAsync("SELECT NOT pg_is_in_recovery()");
    }

    public async Task ExecuteAsync(string sql) => await QueryAsync(sql);

    public async Task<object?> QueryAsync(string sql)
    {
        await using var connection = new NpgsqlConnection($"{ConnectionString};Pooling=false;Timeout=5");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Asks again and again, until the answer is true.</summary>
    public async Task UntilAsync(string sql)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                if (await QueryAsync(sql) is true)
                {
                    return;
                }
            }
            catch (NpgsqlException e) when (Stopwatch.GetElapsedTime(start) < Limit)
            {
                Assert.False(_process is null or { HasExited: true }, $"{Name} has ended: {e.Message}");
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"{Name}: {sql}");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await KillAsync();
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static void Own(string directory)
    {
        if (Environment.IsPrivilegedProcess && ChangeOwner(directory, (uint)Nobody, (uint)Nobody) != 0)
        {
            throw new IOException($"chown of {directory} failed");
        }
    }

    private static Process Start(string program, params string[] arguments)
    {
        string path = Path.Combine(Programs!, program);
        IEnumerable<string> command = Environment.IsPrivilegedProcess
            ? ["setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", path, .. arguments]
            : [path, .. arguments];
        var start = new ProcessStartInfo(command.First(), command.Skip(1)) { WorkingDirectory = "/", UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        if (path.StartsWith(Unpacked, StringComparison.Ordinal))
        {
            start.Environment["LD_LIBRARY_PATH"] = string.Join(':', Directory.GetDirectories(Path.Combine(Unpacked, "usr/lib")));
        }

        Process process = Process.Start(start)!;
        // Nobody reads it, but a full pipe would block the server.
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        await process.WaitForExitAsync().WaitAsync(Limit);
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}");
    }

    // Each of its processes is the leader of a group of its own.
    private void Signal(int signal)
    {
        int server = _process!.Id;
        foreach (int child in Process.GetProcesses().Select(process => process.Id).Where(id => ParentOf(id) == server).ToList())
        {
            _ = Kill(child, signal);
        }

        _ = Kill(server, signal);
    }

    private static int ParentOf(int process)
    {
        try
        {
            // "pid (name) state ppid ...": the name may hold anything.
            string status = File.ReadAllText($"/proc/{process}/stat");
            return int.Parse(status[(status.LastIndexOf(')') + 4)..].Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0; // it has ended
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "chown", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ChangeOwner(string path, uint owner, uint group);
}
