using System.Text;
using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Samples.Chat;

/// <summary>
/// A member of the chat. Each connection has its own handler, so the member's name is a field.
/// </summary>
public sealed class ChatHandler(ChatRoom room) : LineHandler
{
    private string? _name;

    /// <inheritdoc/>
    public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
    {
        output.WriteLine("Who are you?");
        return default;
    }

    /// <inheritdoc/>
    public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        string text = Encoding.UTF8.GetString(line.Span);
        if (_name is not null)
        {
            room.Tell($"{_name}: {text}", except: _name);
        }
        else if (text.Length is 0 or > 20 || !room.TryEnter(text, Connection))
        {
            reply.WriteLine("Take another name, of 1 to 20 characters.");
        }
        else
        {
            _name = text;
            reply.WriteLine($"Welcome, {_name}.");
        }

        return default;
    }

    /// <inheritdoc/>
    public override void OnClosing(CloseReason reason, LineOutput output)
    {
        if (reason is not CloseReason.PeerClosed)
        {
            output.WriteLine($"* Goodbye ({reason}).");
        }
    }

    /// <inheritdoc/>
    public override ValueTask OnDisconnectedAsync(CloseReason reason)
    {
        if (_name is not null)
        {
            room.Leave(_name);
        }

        return default;
    }
}
