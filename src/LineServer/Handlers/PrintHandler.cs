using System.Buffers;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting;
using LineServer.Linux;

namespace LineServer.Handlers;

/// <summary>
/// Writes each line to standard output, after the client's address. Lines are escaped, so that each stays one
/// line wherever it goes and a client cannot forge another. A full queue slows its clients down; nothing is
/// dropped while standard output works.
/// </summary>
internal sealed class PrintHandler(PrintQueue queue, bool isRaw) : LineBatchHandler
{
    // The size of a piece of output: large enough to be worth a system call, small enough that the pieces of
    // many connections wait in little memory.
    private const int PieceSize = 32 * 1024;

    private byte[]? _label;

    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        _label ??= Encoding.UTF8.GetBytes($"{(isRaw ? string.Empty : queue.Priority)}{Connection}> ");
        var piece = new ArrayBufferWriter<byte>();
        while (piece.WrittenCount < PieceSize && batch.TryRead(out Line line))
        {
            piece.Write(_label);
            if (isRaw)
            {
                piece.Write(line.Span);
            }
            else
            {
                EscapedText.Write(line.Span, piece);
            }

            piece.Write("\n"u8);
        }

        return piece.WrittenCount == 0 || queue.TryWrite(piece.WrittenMemory) ? default : WaitAsync(piece.WrittenMemory);
    }

    private async ValueTask WaitAsync(ReadOnlyMemory<byte> piece)
    {
        if (!await queue.WriteAsync(piece, Connection.Aborted))
        {
            // Standard output failed, or the daemon no longer waits for it. The log says so once, not per
            // connection.
            Connection.Close();
        }
    }
}
