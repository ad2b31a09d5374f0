using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using LineServer.Linux;

namespace LineServer.Client.Streams;

/// <summary>
/// The folder of one address and stream in the state directory: the state, the spool, and a lock, so that two clients do
/// not send one stream. Without a folder everything but a spool works.
/// </summary>
internal sealed class StateFolder : IDisposable
{
    private readonly ServerAddress _address;
    private readonly string _stream;
    private readonly Action<string> _note;
    private PathLock? _lock;
    private bool _failureWasTold;

    private StateFolder(string? path, ServerAddress address, string stream, Action<string> note)
    {
        Path = path;
        (_address, _stream, _note) = (address, stream, note);
    }

    /// <summary>The folder; null if there is none that can be written.</summary>
    public string? Path { get; private set; }

    /// <summary>Why <see cref="Path"/> is null.</summary>
    public string? Problem { get; private set; }

    private string StatePath => System.IO.Path.Combine(Path!, "state");

    /// <summary>The directory that is used unless one is given; null if the environment names none.</summary>
    public static string? DefaultRoot =>
        Environment.GetEnvironmentVariable("XDG_STATE_HOME") is ['/', ..] state ? System.IO.Path.Combine(state, "lineclient")
        : Environment.GetEnvironmentVariable("HOME") is ['/', ..] home ? System.IO.Path.Combine(home, ".local", "state", "lineclient")
        : null;

    /// <summary>Creates the folder if it is missing, and locks it.</summary>
    /// <param name="root">The state directory; null for none.</param>
    /// <param name="address">The server.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="note">Told, once, that nothing can be written.</param>
    /// <exception cref="StreamProblemException">Another process sends this stream.</exception>
    public static StateFolder Open(string? root, ServerAddress address, string stream, Action<string> note)
    {
        // The name of a stream is a file name; an address may hold anything, and be longer than a name may be.
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(address.ToString())))[..16];
        var folder = new StateFolder(root is null ? null : System.IO.Path.Combine(root, $"{stream}@{hash}"), address, stream, note);
        if (root is null)
        {
            folder.Problem = "neither XDG_STATE_HOME nor HOME is set";
            return folder;
        }

        try
        {
            CreateForOwner(folder.Path!);
            folder._lock = PathLock.Take(folder.StatePath);
        }
        catch (SocketFileException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new StreamProblemException($"another lineclient sends the stream {stream} to {address} (its state is in {folder.Path})");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketFileException)
        {
            folder.Problem = $"{folder.Path}: {e.Message}";
            folder.Path = null;
        }

        return folder;
    }

    /// <summary>The state of the last run; an empty one if there is none.</summary>
    public StreamState Load()
    {
        try
        {
            return Path is not null && File.Exists(StatePath) ? StreamState.Parse(File.ReadAllText(StatePath)) : new();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            _note($"the state in {StatePath} cannot be read: {e.Message}");
            return new();
        }
    }

    public void Save(StreamState state)
    {
        try
        {
            if (Path is not null)
            {
                DurableFile.Replace(StatePath, state.ToText(_address.ToString(), _stream), survivesPowerCut: false);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_failureWasTold)
            {
                _failureWasTold = true;
                _note($"the state cannot be saved: {e.Message}");
            }
        }
    }

    public void Dispose() => _lock?.Dispose();

    /// <summary>Lines wait in it, so only the owner may look into it.</summary>
    private static void CreateForOwner(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
