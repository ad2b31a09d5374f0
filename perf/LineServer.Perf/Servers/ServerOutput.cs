using System.Globalization;
using System.Text;

namespace LineServer.Perf.Servers;

/// <summary>
/// The output of a server. It goes to a file, because a pipe would need a reader beside the generator. The
/// file has no name, so nothing remains of it however this process ends.
/// </summary>
internal sealed class ServerOutput : IDisposable
{
    private const int Shown = 4;
    private const int Tail = 4096;

    private readonly FileStream _file;

    public ServerOutput()
    {
        string name = System.IO.Path.GetTempFileName();
        _file = new FileStream(
            name, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        File.Delete(name);
    }

    /// <summary>The path by which a child process can open the file.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{_file.SafeFileHandle.DangerousGetHandle()}";

    /// <summary>
    /// The last lines, for the end of a message; empty if there are none. Control characters are escaped,
    /// because messages are shown in terminals and documents.
    /// </summary>
    public string LastWords()
    {
        byte[] tail = new byte[Tail];
        int length = RandomAccess.Read(
            _file.SafeFileHandle, tail, Math.Max(0, RandomAccess.GetLength(_file.SafeFileHandle) - Tail));
        string[] lines =
        [
            .. Encoding.UTF8.GetString(tail, 0, length)
                .Split('\n')
                .Select(line => line.Trim())
                .Where(line => line.Length > 0)
                .TakeLast(Shown)
                .Select(Escape),
        ];
        return lines.Length == 0 ? "" : $"; its last words: {string.Join(" | ", lines)}";
    }

    public void Dispose() => _file.Dispose();

    // Not Load.Escaped: that is for the bytes of a line, and shows only the first 80.
    private static string Escape(string line) =>
        string.Concat(
            line.Select(letter =>
                char.IsControl(letter) || char.GetUnicodeCategory(letter) == UnicodeCategory.Format
                    ? $"\\x{(int)letter:x2}"
                    : $"{letter}"));
}
