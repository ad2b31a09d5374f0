using System.Net.Sockets;
using System.Text;
using LineServer.Framing;

namespace LineServer.Client.Tests.Streams;

/// <summary>
/// A server of acknowledged lines with one stream in memory. It plays by the rules, unless a connection's script says
/// otherwise: the first connection takes the first script, and so on; those without one are served correctly.
/// </summary>
internal sealed class AckServer : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Queue<Func<AckConnection, Task>> _scripts;
    private readonly MemoryStream _stored = new();
    private readonly List<(long Count, TaskCompletionSource Reached)> _awaited = [];
    private readonly TestServer _server;
    private int _attachment;

    private AckServer(Func<Func<Socket, Task>, TestServer> start, Func<AckConnection, Task>[] scripts)
    {
        _scripts = new(scripts);
        _server = start(ServeAsync);
    }

    public string Address => _server.Address;

    public string StoreId { get; set; } = "7b21c0de9a4410f3";

    public int MaxLineSize { get; set; } = 65536;

    /// <summary>The number of connections so far.</summary>
    public int Connections { get; private set; }

    /// <summary>The first lines of all connections.</summary>
    public List<string> Openings { get; } = [];

    public long Count { get; private set; }

    /// <summary>The stored lines.</summary>
    public byte[] Stored
    {
        get
        {
            lock (_lock)
            {
                return _stored.ToArray();
            }
        }
    }

    public string Text => Encoding.Latin1.GetString(Stored);

    public static AckServer Start(params Func<AckConnection, Task>[] scripts) => new(TestServer.Start, scripts);

    public static AckServer StartOn(string socketFile, params Func<AckConnection, Task>[] scripts) =>
        new(handler => TestServer.StartOn(socketFile, handler), scripts);

    /// <summary>Listens on a socket that is already bound.</summary>
    public static AckServer StartOn(Socket bound, params Func<AckConnection, Task>[] scripts) =>
        new(handler => TestServer.StartOn(bound, handler), scripts);

    /// <summary>Replaces what is stored.</summary>
    public void Set(string text)
    {
        lock (_lock)
        {
            _stored.SetLength(0);
            _stored.Write(Encoding.Latin1.GetBytes(text));
            Count = text.Count(c => c == '\n');
        }
    }

    /// <summary>Scripts the next connection that has none yet.</summary>
    public void Script(Func<AckConnection, Task> script)
    {
        lock (_lock)
        {
            _scripts.Enqueue(script);
        }
    }

    /// <summary>Completes when so many lines are stored.</summary>
    public Task StoredAsync(long count)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _awaited.Add((count, reached));
            Notice();
        }

        return reached.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>Fences older attachments. Returns the attachment's number, and the line OK.</summary>
    internal (int Attachment, string Ok) Attach(string opening)
    {
        lock (_lock)
        {
            Openings.Add(opening);
            return (++_attachment, $"OK {Count} crc32c={Crc32C.Of(_stored.GetBuffer().AsSpan(0, (int)_stored.Length)):x8} max={MaxLineSize} first=1 store={StoreId} durability=synced\n");
        }
    }

    /// <returns>False if the attachment is not the newest.</returns>
    internal bool TryStore(int attachment, ReadOnlySpan<byte> lines)
    {
        lock (_lock)
        {
            if (attachment != _attachment)
            {
                return false;
            }

            _stored.Write(lines);
            Count += lines.Count((byte)'\n');
            Notice();
            return true;
        }
    }

    private void Notice() => _awaited.FindAll(awaited => Count >= awaited.Count).ForEach(awaited => awaited.Reached.TrySetResult());

    private Task ServeAsync(Socket socket)
    {
        Func<AckConnection, Task>? script;
        lock (_lock)
        {
            Connections++;
            _ = _scripts.TryDequeue(out script);
        }

        return (script ?? (connection => connection.ServeAsync()))(new(this, socket));
    }
}
