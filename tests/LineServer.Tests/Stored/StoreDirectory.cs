using System.Text;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>A store's directory, and daemons that serve it.</summary>
internal sealed class StoreDirectory : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public StoreDirectory() => Path = _directory["store"];

    /// <summary>In a directory of the caller's, which outlives this.</summary>
    public StoreDirectory(string parent) => Path = System.IO.Path.Combine(parent, "store");

    public string Path { get; }

    /// <summary>Starts a daemon that speaks LS1, and LR1 on a second endpoint.</summary>
    public DaemonProcess Serve(params string[] settings) => DaemonProcess.Start([.. Arguments("tcp://127.0.0.1:0"), .. settings.SelectMany(setting => new[] { "--set", setting })]);

    public string[] Arguments(string address, string plainAddress = "tcp://127.0.0.1:0") =>
    [
        "--set", $"Stores:main:Directory={Path}",
        "--set", $"Endpoints:lines:Address={address}", "--set", "Endpoints:lines:Handler=append",
        "--set", "Endpoints:lines:Store=main", "--set", "Endpoints:lines:Acknowledge=true",
        "--set", "Endpoints:readers:Address=tcp://127.0.0.1:0", "--set", "Endpoints:readers:Handler=read", "--set", "Endpoints:readers:Store=main",
        "--set", $"Endpoints:plain:Address={plainAddress}", "--set", "Endpoints:plain:Handler=append",
        "--set", "Endpoints:plain:Store=main", "--set", "Endpoints:plain:Stream=plain",
    ];

    /// <summary>All lines of a stream that are kept, one character a byte.</summary>
    public string Lines(string stream)
    {
        string directory = System.IO.Path.Combine(Path, "lines", stream);
        return Directory.Exists(directory)
            ? string.Concat(Directory.GetFiles(directory).Order(StringComparer.Ordinal).Select(file => File.ReadAllText(file, Encoding.Latin1)))
            : string.Empty;
    }

    public void Dispose() => _directory.Dispose();
}
