using System.Text;

namespace LineServer.Tests.Support;

/// <summary>
/// Reads the output of a process line by line. One byte per character (Latin-1), so that nothing is lost or
/// repaired.
/// </summary>
internal sealed class OutputLines
{
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private readonly StringBuilder _partial = new();
    private TaskCompletionSource _changed = NewSignal();
    private bool _ended;

    public OutputLines(Stream stream) => Ended = ReadAsync(stream);

    /// <summary>Completes when the output is closed.</summary>
    public Task Ended { get; }

    /// <summary>The complete lines so far.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>The whole output.</summary>
    public async Task<string> ToEndAsync()
    {
        await Ended.Guarded();
        return string.Concat(Lines.Select(line => $"{line}\n")) + _partial;
    }

    /// <summary>Waits for the first line that matches.</summary>
    public async Task<string> FirstAsync(Func<string, bool> matches)
    {
        string? found = null;
        await UntilAsync(lines => (found = lines.FirstOrDefault(matches)) is not null);
        return found!;
    }

    public Task<string> FirstAsync(string part) => FirstAsync(line => line.Contains(part, StringComparison.Ordinal));

    /// <summary>Waits until the output so far satisfies a condition.</summary>
    public async Task UntilAsync(Func<IReadOnlyList<string>, bool> isEnough)
    {
        while (true)
        {
            Task changed;
            bool ended;
            lock (_gate)
            {
                changed = _changed.Task;
                ended = _ended;
            }

            IReadOnlyList<string> lines = Lines;
            if (isEnough(lines))
            {
                return;
            }

            Assert.False(ended, $"The output ended without what was expected:\n{string.Join('\n', lines)}");
            try
            {
                await changed.Guarded();
            }
            catch (TimeoutException)
            {
                Assert.Fail($"The output is still without what was expected:\n{string.Join('\n', Lines)}");
            }
        }
    }

    private async Task ReadAsync(Stream stream)
    {
        byte[] buffer = new byte[64 * 1024];
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
        {
            lock (_gate)
            {
                Add(Encoding.Latin1.GetString(buffer, 0, count));
            }

            Signal(ended: false);
        }

        Signal(ended: true);
    }

    private void Add(string text)
    {
        string[] parts = text.Split('\n');
        for (int i = 0; i < parts.Length - 1; i++)
        {
            _lines.Add(_partial.Append(parts[i]).ToString());
            _partial.Clear();
        }

        _partial.Append(parts[^1]);
    }

    private void Signal(bool ended)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            _ended = ended;
            changed = _changed;
            _changed = NewSignal();
        }

        changed.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
